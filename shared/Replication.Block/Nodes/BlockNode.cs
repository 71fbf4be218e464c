namespace Replication.Block;

/// <summary>
/// A node of the block graph: the one data-path interface, and the narrow waist that every request passes.
/// </summary>
/// <remarks>
/// The public operations are not virtual: they check range and flags, emulate what the node lacks, and see to it that every failure comes as a
/// <see cref="BlockException"/> inside the returned task, never as a synchronous throw. A node implements the <c>…Core</c> operations and holds no
/// defensive checks. Operations may complete synchronously (page-cache I/O on the caller's thread) or later, on any thread; a
/// <see cref="ValueTask"/> is awaited exactly once. Buffers belong to the caller and must stay untouched until the task completes.
/// Reads and writes of zero bytes complete at once.
/// </remarks>
public abstract class BlockNode : IAsyncDisposable
{
    private const int ZeroChunkBytes = 64 << 10;
    private static readonly byte[] s_zeroes = new byte[ZeroChunkBytes];

    protected BlockNode(string name, long lengthBytes, NodeCapabilities capabilities)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        Name = name;
        LengthBytes = lengthBytes;
        Capabilities = capabilities;
    }

    /// <summary>The node's name in errors, logs and status.</summary>
    public string Name { get; }

    /// <summary>Length of the disk in bytes; any number, the last block may be short. Constant while the node is open.</summary>
    public long LengthBytes { get; }

    public NodeCapabilities Capabilities { get; }

    /// <summary>Fills <paramref name="buffer"/> from the disk.</summary>
    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        var range = new BlockRange(offsetBytes, buffer.Length);
        if (Refusal(BlockOperation.Read, range) is { } refusal)
            return ValueTask.FromException(refusal);
        if (range.IsEmpty)
            return default;
        try
        {
            return ReadCore(offsetBytes, buffer);
        }
        catch (BlockException e)
        {
            return ValueTask.FromException(e);
        }
    }

    /// <summary>Writes <paramref name="data"/>. With <see cref="WriteFlags.Fua"/> it is on stable storage at completion.</summary>
    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags = WriteFlags.None)
    {
        var range = new BlockRange(offsetBytes, data.Length);
        if (Refusal(BlockOperation.Write, range) is { } refusal)
            return ValueTask.FromException(refusal);
        if (range.IsEmpty)
            return default;
        try
        {
            return Needs(flags, Capabilities.Fua) ? ThenFlush(WriteCore(offsetBytes, data, WriteFlags.None)) : WriteCore(offsetBytes, data, flags);
        }
        catch (BlockException e)
        {
            return ValueTask.FromException(e);
        }
    }

    /// <summary>Makes the range read as zeroes; unmaps it unless <see cref="WriteFlags.NoUnmap"/> is given.</summary>
    public ValueTask WriteZeroesAsync(BlockRange range, WriteFlags flags = WriteFlags.None) => Zero(BlockOperation.WriteZeroes, range, flags);

    /// <summary>
    /// Gives the range back: it reads as zeroes afterwards (trim is write-zeroes with unmap throughout this project, so that both disks of a pair stay equal).
    /// </summary>
    public ValueTask DiscardAsync(BlockRange range, WriteFlags flags = WriteFlags.None) => Zero(BlockOperation.Discard, range, flags & ~WriteFlags.NoUnmap);

    /// <summary>Everything that was answered before this call is on stable storage when the task completes.</summary>
    public ValueTask FlushAsync()
    {
        try
        {
            return FlushCore();
        }
        catch (BlockException e)
        {
            return ValueTask.FromException(e);
        }
    }

    /// <summary>The status of the extent that begins at the range's offset, no longer than the range. The range must not be empty.</summary>
    public ValueTask<Extent> StatusAsync(BlockRange range)
    {
        if (Refusal(BlockOperation.Status, range) is { } refusal)
            return ValueTask.FromException<Extent>(refusal);
        try
        {
            return Capabilities.Status == Capability.Native ? StatusCore(range) : new ValueTask<Extent>(new Extent(range.LengthBytes, ExtentFlags.Data));
        }
        catch (BlockException e)
        {
            return ValueTask.FromException<Extent>(e);
        }
    }

    /// <summary>Releases what this node owns; children belong to whoever built the graph unless a node's page says otherwise.</summary>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return default;
    }

    protected abstract ValueTask ReadCore(long offsetBytes, Memory<byte> buffer);

    /// <param name="offsetBytes">Where to write.</param>
    /// <param name="data">What to write; not empty.</param>
    /// <param name="flags">Fua only where the capability is native.</param>
    protected abstract ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags);

    protected abstract ValueTask FlushCore();

    /// <summary>Called only where <see cref="NodeCapabilities.WriteZeroes"/> is native.</summary>
    protected virtual ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => throw Unimplemented(BlockOperation.WriteZeroes, range);

    /// <summary>Called only where <see cref="NodeCapabilities.Discard"/> is native.</summary>
    protected virtual ValueTask DiscardCore(BlockRange range, WriteFlags flags) => throw Unimplemented(BlockOperation.Discard, range);

    /// <summary>Called only where <see cref="NodeCapabilities.Status"/> is native.</summary>
    protected virtual ValueTask<Extent> StatusCore(BlockRange range) => throw Unimplemented(BlockOperation.Status, range);

    /// <summary>An error of this node.</summary>
    protected BlockException Error(BlockErrorKind kind, BlockOperation operation, BlockRange range, string reason, int errno = 0, Exception? inner = null) =>
        new(kind, Name, operation, range, reason, errno, inner);

    private static bool Needs(WriteFlags flags, Capability fua) => (flags & WriteFlags.Fua) != 0 && fua == Capability.Emulated;

    private ValueTask Zero(BlockOperation operation, BlockRange range, WriteFlags flags)
    {
        if (Refusal(operation, range) is { } refusal)
            return ValueTask.FromException(refusal);
        if (range.IsEmpty)
            return default;
        try
        {
            return Needs(flags, Capabilities.Fua) ? ThenFlush(ZeroCore(operation, range, flags & ~WriteFlags.Fua)) : ZeroCore(operation, range, flags);
        }
        catch (BlockException e)
        {
            return ValueTask.FromException(e);
        }
    }

    private ValueTask ZeroCore(BlockOperation operation, BlockRange range, WriteFlags flags)
    {
        if (operation == BlockOperation.Discard && Capabilities.Discard == Capability.Native)
            return DiscardCore(range, flags);
        return Capabilities.WriteZeroes == Capability.Native ? WriteZeroesCore(range, flags) : WriteZeroChunks(range, flags);
    }

    private async ValueTask WriteZeroChunks(BlockRange range, WriteFlags flags)
    {
        for (long offset = range.OffsetBytes; offset < range.EndBytes; offset += ZeroChunkBytes)
            await WriteCore(offset, s_zeroes.AsMemory(0, (int)Math.Min(ZeroChunkBytes, range.EndBytes - offset)), flags & WriteFlags.Fua);
    }

    private async ValueTask ThenFlush(ValueTask write)
    {
        await write;
        await FlushCore();
    }

    private BlockException? Refusal(BlockOperation operation, BlockRange range)
    {
        if (range.OffsetBytes < 0 || range.LengthBytes < 0 || range.OffsetBytes > LengthBytes - range.LengthBytes)
            return Error(BlockErrorKind.OutOfRange, operation, range, $"outside the disk of {LengthBytes} bytes");
        bool unsupported = operation switch
        {
            BlockOperation.WriteZeroes => Capabilities.WriteZeroes == Capability.None,
            BlockOperation.Discard => Capabilities.Discard == Capability.None,
            BlockOperation.Status => Capabilities.Status == Capability.None,
            _ => false,
        };
        return unsupported ? Error(BlockErrorKind.NotSupported, operation, range, "not supported by this node") : null;
    }

    private BlockException Unimplemented(BlockOperation operation, BlockRange range) =>
        Error(BlockErrorKind.NotSupported, operation, range, "declared native but not implemented");
}
