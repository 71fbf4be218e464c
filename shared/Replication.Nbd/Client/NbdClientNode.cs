using Replication.Block;

namespace Replication.Nbd;

/// <summary>
/// A disk behind an NBD connection. Requests never block the thread that submits them; they fail with <see cref="BlockException"/>, kind Shutdown, once the connection
/// is dead. A dead connection stays dead: nothing is ever sent again.
/// </summary>
public sealed class NbdClientNode : BlockNode
{
    internal NbdClientNode(string name, long lengthBytes, NodeCapabilities capabilities)
        : base(name, lengthBytes, capabilities)
    {
    }

    public bool IsReadOnly => throw new NotImplementedException();

    /// <summary>The server allows several connections to be used as one.</summary>
    public bool CanMultiConn => throw new NotImplementedException();

    public int MinimumBlockBytes => throw new NotImplementedException();

    public int PreferredBlockBytes => throw new NotImplementedException();

    public int MaximumBlockBytes => throw new NotImplementedException();

    /// <summary>Why the connection died; null while it lives. The first reason wins.</summary>
    public Exception? Reason => throw new NotImplementedException();

    /// <summary>Ends the connection without waiting: nothing more is sent, every request in flight fails at once with this reason, and so does every later one.</summary>
    public void Abort(Exception reason) => throw new NotImplementedException();

    /// <summary>Calls <paramref name="callback"/> once, with the reason, when the connection dies, before the requests in flight fail; at once if it is dead already. On any thread; must not block.</summary>
    public void OnClosed(Action<Exception> callback) => throw new NotImplementedException();

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => throw new NotImplementedException();

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => throw new NotImplementedException();

    protected override ValueTask FlushCore() => throw new NotImplementedException();
}
