using Replication.Block.Bitmaps;

namespace Replication.Block.Secondary;

/// <summary>
/// Blocks of a secondary disk that the mirror has written and no flush has covered yet (<c>Durability:
/// power</c>): what a checkpoint must make safe before its record.
/// </summary>
/// <remarks>
/// Two phases: a flush flips them as it begins, and where it succeeds forgets the old one. A write is noted when it has completed and before it leaves the
/// gate: whichever phase it finds then, a flush that forgets that phase has begun after the write. So
/// under the closed gate nothing is missing; too much may be there.
/// </remarks>
internal sealed class UnflushedBlocks(long blocks)
{
    private readonly BlockBitmap[] _written = [new(blocks), new(blocks)];
    private volatile int _phase; // flipped by flushes, of which there is one at a time

    public void Note(long first, long count)
    {
        BlockBitmap written = _written[_phase];
        if (!written.AllSet(first, count))
            written.Set(first, count);
    }

    /// <summary>A flush begins. Returns the phase that it covers.</summary>
    public int BeginFlush()
    {
        int old = _phase;
        _phase = old ^ 1;
        return old;
    }

    /// <summary>It has succeeded.</summary>
    public void EndFlush(int phase) => _written[phase].Clear(0, blocks);

    /// <summary>Nothing to flush.</summary>
    public bool IsEmpty => _written[0].Count + _written[1].Count == 0;

    /// <summary>All of them; under the closed gate.</summary>
    public BlockBitmap All()
    {
        var all = new BlockBitmap(blocks);
        all.Or(_written[0]);
        all.Or(_written[1]);
        return all;
    }
}
