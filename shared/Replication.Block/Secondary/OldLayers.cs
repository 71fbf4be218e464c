using System.Buffers;
using System.Runtime.CompilerServices;
using Replication.Block.Locks;
using Replication.Block.Overlay;

namespace Replication.Block.Secondary;

/// <summary>One disk's overlays of an epoch that is over, and that is still read.</summary>
/// <remarks>
/// <para>What neither overlay holds is what the secondary disk held at the epoch's end. So before a block of the disk is overwritten, by whoever, its content
/// goes to this hidden disk too, and is marked there: the same rule as copy-before-write's, for an epoch that copy-before-write has left.</para>
/// <para>Copies of one block take turns on a lock of their own, which nobody holds while he waits for anything but disk and overlay; nothing that a mark
/// stands for changes, and no mark goes. Readers hold no lock and look at the marks again (invariant Read).</para>
/// <para>Only what a view may still be read in is kept: of a backup what it has not copied yet, of an incremental one no more than it wants.</para>
/// <para>Never the writer's error: where a copy fails the epoch is lost.</para>
/// </remarks>
internal sealed class OldLayers(PinnedEpoch epoch, OverlayLayers layers, int blockSizeBytes)
{
    private readonly RangeLock _blocks = new();
    private readonly Lock _sync = new(); // guards replacements of _views
    private readonly int _runBytes = Math.Max(Limits.CopyRunBytes, blockSizeBytes);

    private volatile PinnedView[] _views = []; // replaced as a whole

    public PinnedEpoch Epoch => epoch;

    public OverlayLayers Layers => layers;

    /// <summary>One more view of the disk needs it.</summary>
    public void Add(PinnedView view)
    {
        lock (_sync)
            _views = [.. _views, view];
    }

    public void Remove(PinnedView view)
    {
        lock (_sync)
            _views = [.. _views.Where(other => other != view)];
    }

    /// <summary>The range of the disk is about to change.</summary>
    public ValueTask KeepAsync(BlockNode disk, BlockRange range)
    {
        BlockRange blocks = range.AlignOut(blockSizeBytes, disk.LengthBytes);
        long first = blocks.OffsetBytes / blockSizeBytes;
        long end = (blocks.EndBytes - 1) / blockSizeBytes + 1;
        return IsNeeded && layers.NextUnheld(first, end) < end ? KeepAsync(disk, blocks, first, end) : default;
    }

    /// <summary>Gives back what its files take. The epoch is lost: what is read of them now does not count.</summary>
    public async ValueTask FreeAsync()
    {
        RangeLock.Ticket all = await _blocks.AcquireAsync(Everything);
        try
        {
            foreach (OverlayFile file in (IEnumerable<OverlayFile>)[.. layers.Active.Files, .. layers.Hidden.Files])
                await file.GiveAllBackAsync();
        }
        finally
        {
            _blocks.Release(all);
        }
    }

    /// <summary>Waits for copies that are under way.</summary>
    public async ValueTask QuietAsync() => _blocks.Release(await _blocks.AcquireAsync(Everything));

    private static BlockRange Everything => new(0, long.MaxValue);

    // What nobody reads any more needs no room, and no reader comes back to it.
    private bool IsRead(BlockRange run)
    {
        foreach (PinnedView view in _views)
        {
            if (view.Reads(run))
                return true;
        }

        return false;
    }

    private bool IsNeeded => epoch.Lost is null && !epoch.IsClosed;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask KeepAsync(BlockNode disk, BlockRange blocks, long first, long end)
    {
        RangeLock.Ticket ticket = await _blocks.AcquireAsync(blocks);
        try
        {
            for (long block = layers.NextUnheld(first, end); block < end && IsNeeded;)
            {
                long runEnd = Math.Min(layers.NextHeld(block, end), block + _runBytes / blockSizeBytes);
                var run = BlockRange.FromBounds(block * blockSizeBytes, Math.Min(runEnd * blockSizeBytes, disk.LengthBytes));
                if (IsRead(run))
                    await CopyAsync(disk, run);
                block = layers.NextUnheld(runEnd, end);
            }
        }
        catch (BlockException e)
        {
            // Before the write that follows: a reader who finds new content finds this, too.
            epoch.Lose(e);
        }
        finally
        {
            _blocks.Release(ticket);
        }
    }

    private async ValueTask CopyAsync(BlockNode disk, BlockRange run)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)run.LengthBytes);
        try
        {
            Memory<byte> old = buffer.AsMemory(0, (int)run.LengthBytes);
            await disk.ReadAsync(run.OffsetBytes, old);
            if (old.Span.ContainsAnyExcept((byte)0))
                await layers.Hidden.StoreAsync(run, old);
            else
                await layers.Hidden.StoreZeroesAsync(run);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
