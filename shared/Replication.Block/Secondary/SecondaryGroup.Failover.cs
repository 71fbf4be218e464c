using Replication.Block.Locks;
using Replication.Block.Overlay;
using Replication.Block.State;

namespace Replication.Block.Secondary;

// Promotion and the active commit.
public sealed partial class SecondaryGroup
{
    // One commit at a time: held while it runs, and by the group's end.
    private readonly RangeLock _commits = new();
    private long _commitDoneBytes; // by the commit that runs; guarded by _commits

    /// <summary>
    /// Makes this node the writable truth at its guest's view. Under the closed gate the sessions are revoked and the record says <c>failover</c>, with the new
    /// generation; requests then go on through the layers. <see cref="CommitAsync"/> follows.
    /// </summary>
    /// <param name="next">The new record, from the one in force; its stage and overlays are filled in.</param>
    /// <param name="deadline">How long to wait for requests under way.</param>
    /// <param name="revokeSessions">Called under the closed gate once the record is written: nothing of an older
    /// session is applied after it (invariant Fence). Must not wait.</param>
    public async ValueTask<SwitchResult> PromoteAsync(Func<EpochRecord, EpochRecord> next, TimeSpan deadline, Action? revokeSessions = null)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        var dirty = new List<DirtyBlocks>(Disks.Count);
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
            foreach (DirtyBlocks unused in dirty)
                await unused.DisposeAsync();
            _turns.Release(turn);
        }
    }

    /// <summary>
    /// The active commit: brings what the overlays hold into the secondary disks while the guest reads and writes, then detaches the layers (stage
    /// <c>done</c>). To be called after a promotion, after an open in stage <c>failover</c>, and again
    /// after a failure; a second call waits for the first one's end.
    /// </summary>
    public async ValueTask<CommitResult> CommitAsync(ICommitObserver? observer = null)
    {
        RangeLock.Ticket running = await _commits.AcquireAsync(s_turn);
        try
        {
            if (_ending)
                return new CommitResult(CommitOutcome.Interrupted, 0);
            if (Stage == NodeStage.Done)
                return new CommitResult(CommitOutcome.Done, 0);
            _commitDoneBytes = 0;
            return await CommitAllAsync(observer);
        }
        finally
        {
            _commits.Release(running);
        }
    }

    private async ValueTask<SwitchResult> PromoteInsideAsync(
        Func<EpochRecord, EpochRecord> next, TimeSpan deadline, Action? revokeSessions, List<DirtyBlocks> dirty)
    {
        if (!await Gate.CloseAsync(deadline))
            return new SwitchResult(SwitchOutcome.TimedOut, Record!, $"requests under way did not end within {deadline.TotalMilliseconds:0} ms");
        try
        {
            EpochRecord written = await WriteRecordAsync(next(Record!) with { Stage = NodeStage.Failover, OverlaySet = _live!.Id });
            revokeSessions?.Invoke();
            for (int i = 0; i < Disks.Count; i++)
            {
                Disks[i].DirtyBlocks = dirty[i];
                // What the mirror lost is covered by the layers; the guest's own writes come from here on.
                Disks[i].Flushes.Forgive();
            }

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

    private async ValueTask<CommitResult> CommitAllAsync(ICommitObserver? observer)
    {
        Invariant.Check(_live is not null && Stage is NodeStage.Failover or NodeStage.FailoverFailed, "a commit follows a promotion");
        SecondaryDisk? current = null;
        try
        {
            if (Stage == NodeStage.FailoverFailed)
                await UpdateRecordAsync(record => record! with { Stage = NodeStage.Failover });
            // The undo set is the delta: before any mark is cleared, what differs from the old primary is on record (invariant No lost dirt).
            long totalBytes = 0;
            int[] failures = [.. Disks.Select(disk => disk.Flushes.Failures)];
            foreach (SecondaryDisk disk in Disks)
            {
                current = disk;
                var union = disk.CopyBeforeWrite.Layers!.Union();
                totalBytes += union.Count * disk.BlockSizeBytes;
                await disk.DirtyBlocks!.OrAsync(union);
            }

            observer?.Begun(totalBytes);
            foreach (SecondaryDisk disk in Disks)
            {
                current = disk;
                if (!await CommitDiskAsync(disk, observer))
                    return new CommitResult(CommitOutcome.Interrupted, _commitDoneBytes);
            }

            // From the record on the disk is all there is, and a reboot is not asked what it may have taken of
            // it: with any durability what was committed is safe before.
            for (int i = 0; i < Disks.Count; i++)
            {
                current = Disks[i];
                await current.Flushes.FlushThroughAsync(current.CommitNode, failures[i]);
            }

            current = null;
            if (observer is not null)
                await observer.ReadyAsync();
            return await DetachAsync();
        }
        catch (BlockException e)
        {
            return await FailCommitAsync(current?.Name, e);
        }
    }

    // Steps of adjacent blocks, each under the gate and its blocks' locks, so that the guest waits for one step at most. False: the group is being closed.
    private async ValueTask<bool> CommitDiskAsync(SecondaryDisk disk, ICommitObserver? observer)
    {
        OverlayLayers layers = disk.CopyBeforeWrite.Layers!;
        long blocks = layers.Active.LengthBlocks;
        for (long block = layers.NextHeld(0, blocks); block < blocks; block = layers.NextHeld(block, blocks))
        {
            await _options.Worker.TurnAsync();
            if (_ending)
                return false;
            long end = StepEnd(disk, layers, block, blocks, out long held);
            await CommitRunAsync(disk, layers, disk.RangeOf(block, end));
            _commitDoneBytes += held * disk.BlockSizeBytes;
            observer?.Advanced(held * disk.BlockSizeBytes);
            block = end;
        }

        return true;
    }

    // Adjacent blocks; under Durability: power also those that lie near, as each step costs flushes.
    private long StepEnd(SecondaryDisk disk, OverlayLayers layers, long block, long blocks, out long held)
    {
        long most = Math.Max(1, (_options.Power ? Limits.PowerCommitBytes : Limits.CopyRunBytes) / disk.BlockSizeBytes);
        long limit = _options.Power ? Math.Min(blocks, block + Math.Max(1, Limits.PowerCommitSpanBytes / disk.BlockSizeBytes)) : blocks;
        long end = block;
        held = 0;
        for (long next = block; next < limit && held < most; next = layers.NextHeld(end, limit))
        {
            end = Math.Min(layers.NextUnheld(next, limit), next + most - held);
            held += end - next;
            if (!_options.Power)
                break;
        }

        return end;
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
        long began = _options.Time.GetTimestamp();
        SwitchResult detached;
        while (true)
        {
            detached = await CheckpointAsync(new SwitchRequest
            {
                Next = record => record with { Stage = NodeStage.Done },
                WithOverlays = false,
                EndsCommit = true,
                Deadline = Limits.DetachHold,
            });
            if (detached.Switched)
                return new CommitResult(CommitOutcome.Done, _commitDoneBytes);
            if (_ending)
                return new CommitResult(CommitOutcome.Interrupted, _commitDoneBytes);
            // One request that hangs in the disk keeps the gate from closing; all others wait no longer than for one try at a time.
            if (detached.Outcome != SwitchOutcome.TimedOut || _options.Time.GetElapsedTime(began) >= _options.DetachDeadline)
                break;
            await Task.Delay(Limits.DetachRest, _options.Time);
        }

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

        return new CommitResult(CommitOutcome.Failed, _commitDoneBytes, disk, error);
    }

    private async ValueTask<DirtyBlocks> CreateDirtyAsync(SecondaryDisk disk)
    {
        // Of an earlier life of this node: what it marked has been synced since, or this node would not have had a view.
        _options.State.Files.Delete(DirtyFile(disk));
        BlockNode file = Decorated(
            _options.State.Files.Create(DirtyFile(disk), PersistentBitmap.FileBytes(disk.LengthBytes, disk.BlockSizeBytes), $"{disk.Name}.dirty"));
        var dirty = new DirtyBlocks(await PersistentBitmap.CreateAllocatedAsync(file, disk.LengthBytes, disk.BlockSizeBytes), file, _options.Power);
        if (!_options.Power)
            return dirty;
        await dirty.PersistAsync();
        _options.State.Files.SyncNames();
        return dirty;
    }

    private async ValueTask<DirtyBlocks> LoadDirtyAsync(SecondaryDisk disk)
    {
        if (_options.Trust != OverlayTrust.None && _options.State.Files.Open(DirtyFile(disk), $"{disk.Name}.dirty") is { } found)
        {
            BlockNode file = Decorated(found);
            var dirty = new DirtyBlocks(await PersistentBitmap.LoadAsync(file, disk.LengthBytes, disk.BlockSizeBytes), file, _options.Power);
            if (_options.Power)
                await dirty.PersistAsync();
            return dirty;
        }

        // It is not there, or a reboot may have taken marks from it: everything may differ.
        DirtyBlocks all = await CreateDirtyAsync(disk);
        await all.MarkAllAsync();
        return all;
    }

    private static string DirtyFile(SecondaryDisk disk) => $"{disk.Name}.dirty";
}
