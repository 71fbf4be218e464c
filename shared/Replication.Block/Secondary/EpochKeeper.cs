using System.Runtime.CompilerServices;

namespace Replication.Block.Secondary;

/// <summary>
/// Stands directly above a secondary disk, below everybody who writes it: mirrored writes, steps of a commit, the promoted guest. Before a change of the disk
/// what epochs that are over still show of it is kept (<see cref="OldLayers"/>).
/// </summary>
/// <remarks>
/// Whoever writes here is inside the group's gate; so who adds an epoch under the closed gate misses no write. Where there is none a request costs a look at
/// an array.
/// </remarks>
internal sealed class EpochKeeper(BlockNode disk) : BlockNode(disk.Name, disk.LengthBytes, disk.Capabilities)
{
    private readonly Lock _sync = new(); // guards replacements of _old

    // Replaced as a whole.
    private volatile OldLayers[] _old = [];

    /// <summary>From the next change on it is kept; under the closed gate.</summary>
    public void Add(OldLayers old)
    {
        lock (_sync)
            _old = [.. _old, old];
    }

    /// <summary>It is kept no more; what is being kept goes on.</summary>
    public void Remove(OldLayers old)
    {
        lock (_sync)
            _old = [.. _old.Where(other => other != old)];
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => disk.ReadAsync(offsetBytes, buffer);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => disk.StatusAsync(range);

    protected override ValueTask FlushCore() => disk.FlushAsync();

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        _old.Length == 0 ? disk.WriteAsync(offsetBytes, data, flags) : KeepAndWriteAsync(offsetBytes, data, flags);

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) =>
        _old.Length == 0 ? disk.WriteZeroesAsync(range, flags) : KeepAndZeroAsync(range, flags, discards: false);

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) =>
        _old.Length == 0 ? disk.DiscardAsync(range, flags) : KeepAndZeroAsync(range, flags, discards: true);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask KeepAndWriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        await KeepAsync(new BlockRange(offsetBytes, data.Length));
        await disk.WriteAsync(offsetBytes, data, flags);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask KeepAndZeroAsync(BlockRange range, WriteFlags flags, bool discards)
    {
        await KeepAsync(range);
        await (discards ? disk.DiscardAsync(range, flags) : disk.WriteZeroesAsync(range, flags));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask KeepAsync(BlockRange range)
    {
        foreach (OldLayers old in _old)
            await old.KeepAsync(disk, range);
    }
}
