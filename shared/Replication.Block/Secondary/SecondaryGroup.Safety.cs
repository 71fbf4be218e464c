using System.Buffers;
using Replication.Block.Bitmaps;
using Replication.Block.Overlay;

namespace Replication.Block.Secondary;

/// <remarks>
/// Durability: power. Whatever the mirror has been answered must survive a loss of power before a record makes it the
/// view. Ahead of the hold the disks are flushed; what has been written since then is
/// <i>unflushed</i>, and is made safe under the closed gate: by one more flush of the disk, or, where that disk has just shown that its flushes take long, by a
/// copy in the next epoch's hidden disk, flushed there. The view reads the hidden disk first, and copy-before-write would put the very same
/// bytes there at the block's next write: so what the secondary disk then loses of them is in no view.
/// </remarks>
public sealed partial class SecondaryGroup
{
    // The end of a commit has flushed every block, and a view that is given up has nothing to keep.
    private bool MustBeSafe(SwitchRequest request) => _options.Power && !request.EndsCommit && !request.AbandonsView;

    // Ahead of the gate, with the turn taken that a promotion needs too: so a disk that hangs is not waited for without end. Null where it is done.
    private async ValueTask<SwitchResult?> FlushAheadAsync()
    {
        try
        {
            await FlushDisksAsync().AsTask().WaitAsync(Limits.FlushAheadPatience, _options.Time);
            return null;
        }
        catch (TimeoutException e)
        {
            return new SwitchResult(
                SwitchOutcome.TimedOut, Record!,
                $"the secondary's disks were not flushed within {Limits.FlushAheadPatience.TotalSeconds:0} s; see whether one of them hangs", e);
        }
    }

    // Under the closed gate. Null where everything is safe; at the deadline the old epoch goes on.
    private async ValueTask<SwitchResult?> MakeSafeAsync(SwitchRequest request, OverlaySet? next, long began)
    {
        var under = new List<Task<BlockException?>>();
        for (int i = 0; i < Disks.Count; i++)
        {
            SecondaryDisk disk = Disks[i];
            if (disk.Unflushed!.IsEmpty)
                continue;
            BlockBitmap unflushed = disk.Unflushed.All();
            bool isCarried = next is not null && disk.LastFlush >= request.Deadline / 2 && unflushed.Count * disk.BlockSizeBytes <= Limits.CarriedBytes;
            under.Add(isCarried ? CarryAsync(disk, unflushed, next!, next!.Disks[i].Hidden) : FlushAsync(disk));
        }

        if (under.Count == 0)
            return null;
        Task<BlockException?[]> all = Task.WhenAll(under);
        TimeSpan left = request.Deadline - _options.Time.GetElapsedTime(began);
        try
        {
            await all.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _options.Time);
        }
        catch (TimeoutException e)
        {
            return new SwitchResult(
                SwitchOutcome.TimedOut, Record!,
                $"the secondary's disks were not flushed within {request.Deadline.TotalMilliseconds:0} ms; a longer "
                + "deadline, or less load on them, lets it succeed",
                e);
        }

        return (await all).FirstOrDefault(failure => failure is not null) is { } failed
            ? new SwitchResult(SwitchOutcome.Failed, Record!, $"what the mirror has written cannot be made safe from a loss of power: {failed.Message}", failed)
            : null;
    }

    private static async Task<BlockException?> FlushAsync(SecondaryDisk disk)
    {
        try
        {
            await disk.Flushes.FlushAsync();
            return null;
        }
        catch (BlockException e)
        {
            return e;
        }
    }

    private static Task<BlockException?> CarryAsync(SecondaryDisk disk, BlockBitmap blocks, OverlaySet next, BlockOverlay hidden)
    {
        Task<BlockException?> carry = CarryAllAsync(disk, blocks, hidden);
        next.UsedBy(carry);
        return carry;
    }

    private static async Task<BlockException?> CarryAllAsync(SecondaryDisk disk, BlockBitmap blocks, BlockOverlay hidden)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Max(Limits.CopyRunBytes, disk.BlockSizeBytes));
        try
        {
            long mostBlocks = buffer.Length / disk.BlockSizeBytes;
            for (long block = blocks.NextSet(0, blocks.LengthBits); block < blocks.LengthBits;)
            {
                long end = blocks.NextClear(block, Math.Min(blocks.LengthBits, block + mostBlocks));
                BlockRange run = disk.RangeOf(block, end);
                Memory<byte> content = buffer.AsMemory(0, (int)run.LengthBytes);
                await disk.Node.ReadAsync(run.OffsetBytes, content);
                if (content.Span.ContainsAnyExcept((byte)0))
                    await hidden.StoreAsync(run, content);
                else
                    await hidden.StoreZeroesAsync(run);
                block = blocks.NextSet(end, blocks.LengthBits);
            }

            await hidden.PersistAllAsync();
            return null;
        }
        catch (BlockException)
        {
            // No room there, or not in time any more: then the disk itself, however long it takes. What has
            // been copied is what the disk holds, and does no harm.
            return await FlushAsync(disk);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
