using Replication.Block;
using Replication.Nbd.Client;
using Replication.Nbd.Wire;

namespace Replication.Nbd;

/// <summary>
/// A disk behind an NBD connection. Requests never block the thread that submits them; they fail with <see cref="BlockException"/>, kind Shutdown, once the
/// connection is dead. A dead connection stays dead: nothing is ever sent again.
/// </summary>
public sealed class NbdClientNode : BlockNode
{
    private readonly ClientConnection _connection;
    private readonly ClientSession _session;

    internal NbdClientNode(string name, ClientSession session, ClientConnection connection)
        : base(name, session.LengthBytes, session.Capabilities)
    {
        (_connection, _session) = (connection, session);
    }

    public bool IsReadOnly => _session.Has(TransmissionFlags.ReadOnly);

    /// <summary>The server allows several connections to be used as one.</summary>
    public bool CanMultiConn => _session.Has(TransmissionFlags.MultiConn);

    /// <summary>Requests that are not multiples of this may be refused by the server.</summary>
    public int MinimumBlockBytes => (int)_session.MinimumBlockBytes;

    public int PreferredBlockBytes => (int)Math.Min(_session.PreferredBlockBytes, int.MaxValue);

    /// <summary>Largest payload of one request on the wire; larger ones are split.</summary>
    public int MaximumBlockBytes => (int)_session.MaximumBlockBytes;

    /// <summary>What the server tells by block status: base:allocation and those of <see cref="NbdClientOptions.Contexts"/>, as far as it has them.</summary>
    public IReadOnlyCollection<string> Contexts => _session.Contexts.Keys;

    /// <summary>Why the connection died; null while it lives. The first reason wins.</summary>
    public Exception? Reason => _connection.Reason;

    /// <summary>
    /// Ends the connection without waiting: nothing more is sent, every request in flight fails at once with this reason, and so does every later one.
    /// </summary>
    public void Abort(Exception reason) => _connection.Break(reason);

    /// <summary>
    /// Calls <paramref name="callback"/> once, with the reason, when the connection dies, before any request fails for it; at once if it is dead already.
    /// On any thread; must not block.
    /// </summary>
    public void OnClosed(Action<Exception> callback) => _connection.OnClosed(callback);

    /// <summary>
    /// Extents of a context from the range's offset on, one behind the other, as the server tells them in one reply: at least one, and maybe less than was
    /// asked for. <see cref="ReadContextAsync"/> asks until it knows everything.
    /// </summary>
    /// <exception cref="BlockException">NotSupported: the server does not tell that context; or as any request.</exception>
    public async ValueTask<IReadOnlyList<NbdExtent>> ContextStatusAsync(string context, BlockRange range)
    {
        if (range.OffsetBytes < 0 || range.LengthBytes <= 0 || range.OffsetBytes > LengthBytes - range.LengthBytes)
            throw Error(BlockErrorKind.OutOfRange, BlockOperation.Status, range, $"empty, or outside the disk of {LengthBytes} bytes");
        if (!_session.Contexts.TryGetValue(context, out uint id))
            throw Error(BlockErrorKind.NotSupported, BlockOperation.Status, range, $"the server was not asked for '{context}', or does not have it");
        List<NbdExtent> extents = [];
        await _connection.Status(range with { LengthBytes = Math.Min(range.LengthBytes, Limits.MaxClientRangeBytes) }, id, extents);
        return extents;
    }

    /// <summary>What a context says of a range: its parts from front to back, without gaps; neighbours differ in their flags.</summary>
    /// <exception cref="BlockException">As <see cref="ContextStatusAsync"/>.</exception>
    public async IAsyncEnumerable<(BlockRange Range, uint Flags)> ReadContextAsync(string context, BlockRange range)
    {
        (BlockRange Range, uint Flags) part = (range with { LengthBytes = 0 }, 0);
        for (long offset = range.OffsetBytes; offset < range.EndBytes;)
        {
            foreach (NbdExtent extent in await ContextStatusAsync(context, BlockRange.FromBounds(offset, range.EndBytes)))
            {
                if (extent.Flags != part.Flags && !part.Range.IsEmpty)
                {
                    yield return part;
                    part.Range = new BlockRange(offset, 0);
                }

                offset += extent.LengthBytes;
                part = (BlockRange.FromBounds(part.Range.OffsetBytes, offset), extent.Flags);
            }
        }

        if (!part.Range.IsEmpty)
            yield return part;
    }

    /// <summary>Says goodbye and closes the connection; requests in flight fail. Completes when its thread has ended.</summary>
    public override async ValueTask DisposeAsync()
    {
        _connection.Close(new IOException("closed by this side"));
        await _connection.Ended;
        await base.DisposeAsync();
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) =>
        buffer.Length <= MaximumBlockBytes ? _connection.Read(offsetBytes, buffer) : ReadPieces(offsetBytes, buffer);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        if (IsReadOnly)
            return ReadOnlyError(BlockOperation.Write, new BlockRange(offsetBytes, data.Length));
        return data.Length <= MaximumBlockBytes ? _connection.Write(offsetBytes, data, Wire(flags)) : WritePieces(offsetBytes, data, Wire(flags));
    }

    /// <summary>A server that does not offer flushing has nothing to flush.</summary>
    protected override ValueTask FlushCore() =>
        _session.Has(TransmissionFlags.Flush) ? _connection.Send(Command.Flush, default, CommandFlags.None) : default;

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags)
    {
        if (IsReadOnly)
            return ReadOnlyError(BlockOperation.WriteZeroes, range);
        return Send(Command.WriteZeroes, range, Wire(flags));
    }

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => Send(Command.Trim, range, Wire(flags));

    protected override ValueTask<Extent> StatusCore(BlockRange range) => _connection.Status(
        range with { LengthBytes = Math.Min(range.LengthBytes, Limits.MaxClientRangeBytes) }, _session.Contexts[NbdContextNames.BaseAllocation]);

    private static CommandFlags Wire(WriteFlags flags) =>
        ((flags & WriteFlags.Fua) != 0 ? CommandFlags.Fua : CommandFlags.None) | ((flags & WriteFlags.NoUnmap) != 0 ? CommandFlags.NoHole : CommandFlags.None);

    private async ValueTask ReadPieces(long offsetBytes, Memory<byte> buffer)
    {
        for (int done = 0; done < buffer.Length; done += MaximumBlockBytes)
            await _connection.Read(offsetBytes + done, buffer.Slice(done, Math.Min(MaximumBlockBytes, buffer.Length - done)));
    }

    private async ValueTask WritePieces(long offsetBytes, ReadOnlyMemory<byte> data, CommandFlags flags)
    {
        for (int done = 0; done < data.Length; done += MaximumBlockBytes)
            await _connection.Write(offsetBytes + done, data.Slice(done, Math.Min(MaximumBlockBytes, data.Length - done)), flags);
    }

    private ValueTask Send(Command command, BlockRange range, CommandFlags flags) =>
        range.LengthBytes <= Limits.MaxClientRangeBytes ? _connection.Send(command, range, flags) : SendPieces(command, range, flags);

    private async ValueTask SendPieces(Command command, BlockRange range, CommandFlags flags)
    {
        for (long offset = range.OffsetBytes; offset < range.EndBytes; offset += Limits.MaxClientRangeBytes)
            await _connection.Send(command, new BlockRange(offset, Math.Min(Limits.MaxClientRangeBytes, range.EndBytes - offset)), flags);
    }

    private ValueTask ReadOnlyError(BlockOperation operation, BlockRange range) =>
        ValueTask.FromException(Error(BlockErrorKind.ReadOnly, operation, range, "the server's export is read-only"));
}
