using System.Threading.Tasks.Sources;
using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

/// <summary>One request of a client, from its submission until its result was taken: pooled by its connection, so that a request costs no allocation.</summary>
internal sealed class RequestSlot : IValueTaskSource, IValueTaskSource<Extent>
{
    private readonly ClientConnection _connection;
    private readonly int _index;
    private ManualResetValueTaskSourceCore<Extent> _core;
    private uint _sequence; // Guarded by the connection's lock, as all that follows.

    public RequestSlot(ClientConnection connection, int index)
    {
        _connection = connection;
        _index = index;
    }

    public SlotState State { get; set; }

    public RequestHeader Header { get; private set; }

    /// <summary>Where a read's data goes: the caller's.</summary>
    public Memory<byte> Buffer { get; private set; }

    /// <summary>What a write sends: the caller's.</summary>
    public ReadOnlyMemory<byte> Data { get; private set; }

    /// <summary>The count of the send queue behind this request's last byte; 0 if none of it is the caller's memory.</summary>
    public long EndMark { get; set; }

    /// <summary>How much of a read has arrived, or has been told by a block status.</summary>
    public long ReceivedBytes { get; set; }

    public NbdError Error { get; set; }

    public string? ErrorText { get; set; }

    /// <summary>The context that a block status is to tell.</summary>
    public uint ContextId { get; private set; }

    /// <summary>The first extent of that context; its length is 0 as long as none has arrived.</summary>
    public NbdExtent Extent { get; set; }

    /// <summary>
    /// Gets all extents of that context; null where only the first one counts. Only the receiving thread touches it before the request has succeeded, and
    /// nobody may use it when it has failed.
    /// </summary>
    public List<NbdExtent>? Extents { get; private set; }

    public short Version => _core.Version;

    public static int IndexOf(ulong cookie) => (int)(uint)cookie;

    /// <summary>The cookie of each use is another, so that a reply which comes twice is found out.</summary>
    public void Begin(Command command, CommandFlags flags, long offsetBytes, long lengthBytes, Memory<byte> buffer, ReadOnlyMemory<byte> data)
    {
        Header = new RequestHeader(flags, command, ((ulong)++_sequence << 32) | (uint)_index, (ulong)offsetBytes, (uint)lengthBytes);
        (Buffer, Data, EndMark, ReceivedBytes, Error, ErrorText) = (buffer, data, 0, 0, NbdError.None, null);
        (ContextId, Extent, Extents) = (0, default, null);
    }

    /// <summary>As <see cref="Begin"/>, for a block status.</summary>
    public void BeginStatus(CommandFlags flags, long offsetBytes, long lengthBytes, uint contextId, List<NbdExtent>? extents)
    {
        Begin(Command.BlockStatus, flags, offsetBytes, lengthBytes, default, default);
        (ContextId, Extents) = (contextId, extents);
    }

    /// <summary>Makes it ready for its next use.</summary>
    public void Reset()
    {
        (Buffer, Data, Extents) = (default, default, null);
        _core.Reset();
    }

    public void Succeed() => _core.SetResult(new Extent(Extent.LengthBytes, (ExtentFlags)Extent.Flags & (ExtentFlags.Hole | ExtentFlags.Zero)));

    public void Fail(Exception error) => _core.SetException(error);

    void IValueTaskSource.GetResult(short token) => Take(token);

    Extent IValueTaskSource<Extent>.GetResult(short token) => Take(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource<Extent>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource<Extent>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private Extent Take(short token)
    {
        // A wrong token throws here, and must not give the slot away twice.
        if (_core.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("the result was asked for before it was there");
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _connection.Recycle(this);
        }
    }
}
