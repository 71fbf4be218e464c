namespace Replication.Block.Snapshots;

/// <summary>Stands above a disk whose old content somebody may want to keep, and asks them before each change.</summary>
/// <remarks>
/// It stands there always and costs a look at an empty array where nobody is asked. Who begins or ends to be asked sees to it that no change is under way
/// meanwhile: then the moment is one, for every disk that is held still.
/// </remarks>
public sealed class BeforeWriteNode(string name, BlockNode disk) : BlockNode(name, disk.LengthBytes, disk.Capabilities)
{
    // Replaced as a whole. A request looks once.
    private volatile IBeforeWrite[] _asked = [];

    /// <summary>From the next change on it is asked, after those that were added before it. No change may be under way.</summary>
    public void Add(IBeforeWrite asked) => _asked = [.. _asked, asked];

    /// <summary>It is asked no more; questions that are under way are still answered.</summary>
    public void Remove(IBeforeWrite asked) => _asked = [.. _asked.Where(other => other != asked)];

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => disk.ReadAsync(offsetBytes, buffer);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => disk.StatusAsync(range);

    protected override ValueTask FlushCore() => disk.FlushAsync();

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        IBeforeWrite[] asked = _asked;
        return asked.Length == 0 ? disk.WriteAsync(offsetBytes, data, flags) : AskAndWriteAsync(asked, offsetBytes, data, flags);
    }

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags)
    {
        IBeforeWrite[] asked = _asked;
        return asked.Length == 0 ? disk.WriteZeroesAsync(range, flags) : AskAndZeroAsync(asked, range, flags, discards: false);
    }

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags)
    {
        IBeforeWrite[] asked = _asked;
        return asked.Length == 0 ? disk.DiscardAsync(range, flags) : AskAndZeroAsync(asked, range, flags, discards: true);
    }

    private async ValueTask AskAndWriteAsync(IBeforeWrite[] asked, long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        await AskAsync(asked, new BlockRange(offsetBytes, data.Length));
        await disk.WriteAsync(offsetBytes, data, flags);
    }

    private async ValueTask AskAndZeroAsync(IBeforeWrite[] asked, BlockRange range, WriteFlags flags, bool discards)
    {
        await AskAsync(asked, range);
        await (discards ? disk.DiscardAsync(range, flags) : disk.WriteZeroesAsync(range, flags));
    }

    private static async ValueTask AskAsync(IBeforeWrite[] asked, BlockRange range)
    {
        foreach (IBeforeWrite who in asked)
            await who.BeforeWriteAsync(range);
    }
}
