using Replication.Block.Locks;
using Replication.Block.Overlay;
using Replication.Block.State;

namespace Replication.Block.Secondary;

// Promotion and the active commit.
public sealed partial class SecondaryGroup
{
    // One commit at a time: held while it runs, and by the group's end.
    private readonly RangeLock _commits = new();
    private long _commitDoneBytes;
    private long _commitTotalBytes;

    /// <summary>Bytes that this commit has put into the secondary disks, and how many there were to do; whole blocks.</summary>
    public (long DoneBytes, long TotalBytes) CommitProgress => (Volatile.Read(ref _commitDoneBytes), Volatile.Read(ref _commitTotalBytes));

    /// <summary>
    /// Makes this node the writable truth at its guest's view. Under the closed gate the sessions are revoked and the record says <c>failover</c>, with the new
    /// generation; requests then go on through the layers. <see cref="CommitAsync"/> follows.
    /// </summary>
    /// <param name="next">The new record, from the one in force; its stage and overlays are filled in.</param>
    /// <param name="deadline">How long to wait for requests under way.</param>
    /// <param name="revokeSessions">Called under the closed gate once the record is written: nothing of an older session is applied after it (invariant Fence). Must not wait.</param>
    public async ValueTask<SwitchResult> PromoteAsync(Func<EpochRecord, EpochRecord> next, TimeSpan deadline, Action? revokeSessions = null)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        var dirty = new List<PersistentBitmap>(Disks.Count);
        try
        {
            Invariant.Check(Record is not null, "a group has a record before its promotion");
            if (_live is null || Stage != NodeStage.Running)
                return new SwitchResult(SwitchOutcome.Refused, Record, "there is no view to promote");
            foreach (SecondaryDisk disk in Disks)
                dirty.Add(await CreateDirtyAsync(disk));
            SwitchResult result = await PromoteInsideAsync(next, deadline, revokeSessions, dirty);
            if (!result.Switched)
                return result;
            dirty.Clear();
            _options.Worker.Post(DiscardPreparedAsync);
            return result;
        }
        catch (IOException e)
        {
            return new SwitchResult(SwitchOutcome.Failed, Record!, $"the dirty bitmap cannot be made: {e.Message}", e);
        }
        finally
        {
            foreach (PersistentBitmap unused in dirty)
                await unused.DisposeAsync();
            _turns.Release(turn);
        }
    }

    /// <summary>
    /// The active commit: brings what the overlays hold into the secondary disks while the guest reads and writes, then detaches the layers (stage <c>done</c>). To be called after a
    /// promotion, after an open in stage <c>failover</c>, and again after a failure; a second call waits for the first one's end.
    /// </summary>
    public async ValueTask<CommitResult> CommitAsync()
    {
        RangeLock.Ticket running = await _commits.AcquireAsync(s_turn);
        try
        {
            if (_ending)
                return new CommitResult(CommitOutcome.Interrupted, 0);
            if (Stage == NodeStage.Done)
                return new CommitResult(CommitOutcome.Done, 0);
            Volatile.Write(ref _commitDoneBytes, 0);
            return await CommitAllAsync();
        }
        finally
        {
            _commits.Release(running);
        }
    }

    private async ValueTask<SwitchResult> PromoteInsideAsync(Func<EpochRecord, EpochRecord> next, TimeSpan deadline, Action? revokeSessions, List<PersistentBitmap> dirty)
    {
        if (!await Gate.CloseAsync(deadline))
            return new SwitchResult(SwitchOutcome.TimedOut, Record!, $"requests under way did not end within {deadline.TotalMilliseconds:0} ms");
        try
        {
            EpochRecord written = await WriteRecordAsync(next(Record!) with { Stage = NodeStage.Failover, OverlaySet = _live!.Id });
            revokeSessions?.Invoke();
            for (int i = 0; i < Disks.Count; i++)
                Disks[i].Dirty = dirty[i];
            return new SwitchResult(SwitchOutcome.Switched, written);
        }
        catch (BlockException e)
        {
            return new SwitchResult(SwitchOutcome.Failed, Record!, $"the epoch record cannot be written: {e.Message}", e);
        }
        finally
        {
            Gate.Open();
        }
    }

    private async ValueTask<CommitResult> CommitAllAsync()
    {
        Invariant.Check(_live is not null && Stage is NodeStage.Failover or NodeStage.FailoverFailed, "a commit follows a promotion");
        SecondaryDisk? current = null;
        try
        {
            if (Stage == NodeStage.FailoverFailed)
                await UpdateRecordAsync(record => record! with { Stage = NodeStage.Failover });
            // The undo set is the delta: before any mark is cleared, what differs from the old primary is on record (invariant No lost dirt).
            long totalBytes = 0;
            foreach (SecondaryDisk disk in Disks)
            {
                current = disk;
                var union = disk.CopyBeforeWrite.Layers!.Union();
                totalBytes += union.Count * disk.BlockSizeBytes;
                await disk.Dirty!.OrAsync(union);
            }

            Volatile.Write(ref _commitTotalBytes, totalBytes);
            foreach (SecondaryDisk disk in Disks)
            {
                current = disk;
                if (!await CommitDiskAsync(disk))
                    return new CommitResult(CommitOutcome.Interrupted, CommitProgress.DoneBytes);
            }

            current = null;
            return await DetachAsync();
        }
        catch (BlockException e)
        {
            return await FailCommitAsync(current?.Name, e);
        }
    }

    // Steps of adjacent blocks, each under the gate and its blocks' locks, so that the guest waits for one step at most. False: the group is being closed.
    private async ValueTask<bool> CommitDiskAsync(SecondaryDisk disk)
    {
        OverlayLayers layers = disk.CopyBeforeWrite.Layers!;
        long blocks = layers.Active.Held.LengthBits;
        int stepBlocks = Math.Max(1, Limits.CopyRunBytes / disk.BlockSizeBytes);
        for (long block = layers.NextHeld(0, blocks); block < blocks; block = layers.NextHeld(block, blocks))
        {
            await _options.Worker.TurnAsync();
            if (_ending)
                return false;
            long end = Math.Min(layers.NextUnheld(block, blocks), block + stepBlocks);
            await CommitRunAsync(disk, layers, disk.RangeOf(block, end));
            Interlocked.Add(ref _commitDoneBytes, (end - block) * disk.BlockSizeBytes);
            block = end;
        }

        return true;
    }

    private async ValueTask CommitRunAsync(SecondaryDisk disk, OverlayLayers layers, BlockRange run)
    {
        GateTicket gate = await Gate.EnterAsync();
        try
        {
            RangeLock.Ticket locked = await disk.BlockLocks.AcquireAsync(run);
            try
            {
                await disk.CommitBlocksAsync(layers, run);
            }
            finally
            {
                disk.BlockLocks.Release(locked);
            }
        }
        finally
        {
            Gate.Exit(gate);
        }
    }

    // Nothing is held any more, and nothing can be again: unheld blocks are written in the secondary disk.
    private async ValueTask<CommitResult> DetachAsync()
    {
        Invariant.Check(Disks.All(disk => disk is { ActiveBytes: 0, HiddenBytes: 0 }), "a commit ends when the overlays hold nothing");
        SwitchResult detached = await CheckpointAsync(new SwitchRequest
        {
            Next = record => record with { Stage = NodeStage.Done },
            WithOverlays = false,
            EndsCommit = true,
            Deadline = _options.DetachDeadline,
        });
        if (detached.Switched)
            return new CommitResult(CommitOutcome.Done, CommitProgress.DoneBytes);
        return await FailCommitAsync(null, detached.Error as BlockException
            ?? new BlockException(BlockErrorKind.TimedOut, Disks[0].Name, BlockOperation.Write, default, detached.Reason));
    }

    private async ValueTask<CommitResult> FailCommitAsync(string? disk, BlockException error)
    {
        try
        {
            await UpdateRecordAsync(record => record! with { Stage = NodeStage.FailoverFailed });
        }
        catch (BlockException)
        {
            // The stage stays failover, which routes requests in the same way; the caller has the first error.
        }

        return new CommitResult(CommitOutcome.Failed, CommitProgress.DoneBytes, disk, error);
    }

    private async ValueTask<PersistentBitmap> CreateDirtyAsync(SecondaryDisk disk)
    {
        // Of an earlier life of this node: what it marked has been synced since, or this node would not have had a view.
        _options.State.Files.Delete(DirtyFile(disk));
        BlockNode file = _options.State.Files.Create(DirtyFile(disk), PersistentBitmap.FileBytes(disk.LengthBytes, disk.BlockSizeBytes), $"{disk.Name}.dirty");
        return await PersistentBitmap.CreateAsync(Decorated(file), disk.LengthBytes, disk.BlockSizeBytes);
    }

    private async ValueTask<PersistentBitmap> LoadDirtyAsync(SecondaryDisk disk)
    {
        if (_options.State.Files.Open(DirtyFile(disk), $"{disk.Name}.dirty") is { } file)
            return await PersistentBitmap.LoadAsync(Decorated(file), disk.LengthBytes, disk.BlockSizeBytes);
        // It must have been there: whoever removed it, everything may differ.
        PersistentBitmap all = await CreateDirtyAsync(disk);
        await all.MarkAllAsync();
        return all;
    }

    private static string DirtyFile(SecondaryDisk disk) => $"{disk.Name}.dirty";
}
