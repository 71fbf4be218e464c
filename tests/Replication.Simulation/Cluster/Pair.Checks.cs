using Replication.Block;
using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Model;
using Replication.Simulation.Storage;

namespace Replication.Simulation.Cluster;

/// <remarks>The checkers: each looks at bytes and answers from outside, and knows nothing of how the code comes to them.</remarks>
internal sealed partial class Pair
{
    /// <summary>A write that failed is right only where somebody can say why: a fault, a stage that refuses.</summary>
    public bool FailuresAreExpected { get; set; }

    /// <summary>The secondary's disk has been made to differ behind everybody's back: only a verify may look at it before it is repaired.</summary>
    public bool IsRotten { get; set; }

    /// <summary>After every step: the primary's disks hold what their guest wrote (invariant Local first).</summary>
    public void CheckPrimaryDisks()
    {
        for (int i = 0; i < Primary.Disks.Length; i++)
        {
            Medium disk = Primary.Disks[i];
            long wrong = PrimaryModel[i].Check(new BlockRange(0, disk.LengthBytes), disk.Content);
            if (wrong >= 0)
                throw Fail($"Local first: the primary's disk{i} differs from what its guest wrote at byte {wrong}");
        }
    }

    /// <summary>After every step: backups, bitmaps and groups of both hosts.</summary>
    public void CheckJobs()
    {
        PrimaryJobs.Check();
        SecondaryJobs.Check();
        if (Failure is { } failure)
            throw failure;
    }

    /// <summary>With nothing under way: both disks are equal (invariant Replica). False where this is not the moment to look.</summary>
    public bool CheckReplica()
    {
        if (PrimaryStatus is not { Stage: NodeStage.Replicating }
            || SecondaryStatus is not { Stage: NodeStage.Running, Incomplete: false, Mirror: MirrorState.Connected })
            return false;
        // What a failed local write left, and what found no room in the window of a slow mirror, follows in the background; a checkpoint waits for that.
        if (IsRotten || _faultyAt >= CommittedAt)
            return false;
        for (int i = 0; i < Primary.Disks.Length; i++)
        {
            ReadOnlySpan<byte> ours = Primary.Disks[i].Content;
            int same = ours.CommonPrefixLength(Secondary.Disks[i].Content);
            if (same < ours.Length)
                throw Fail($"Replica: disk{i} differs at byte {same} although the mirror is drained");
        }

        return true;
    }

    /// <summary>
    /// A promoted secondary that has committed: its disks are its guest's view (invariant Commit). Killed
    /// between two attempts at an epoch it may have kept the one or the other.
    /// </summary>
    public bool CheckCommitted()
    {
        if (SecondaryStatus is not { Stage: NodeStage.Done } || _views.Count == 0)
            return false;
        // More than one where two attempts at one checkpoint may each be the one that was promoted.
        (int Disk, long Byte)[] wrong = [.. _views.Select(FirstDifference)];
        if (wrong.All(place => place.Byte >= 0))
            throw Fail($"Commit: the promoted disk{wrong[0].Disk} differs from its guest's view at byte {wrong[0].Byte}");
        return true;
    }

    private (int Disk, long Byte) FirstDifference(ViewModel view)
    {
        for (int i = 0; i < Secondary.Disks.Length; i++)
        {
            Medium disk = Secondary.Disks[i];
            long wrong = view.Disks[i].Check(new BlockRange(0, disk.LengthBytes), disk.Content);
            if (wrong >= 0)
                return (i, wrong);
        }

        return (-1, -1);
    }

    private void End(GuestOperation operation, byte[] buffer, BlockException? failure)
    {
        foreach ((ByteModel model, ByteModel.Alternative write, bool isCertain) in operation.Writes)
        {
            if (failure is null && isCertain)
                model.Succeed(write, operation.Flags.HasFlag(WriteFlags.Fua));
            else
                model.Doubt(write);
        }

        foreach ((ByteModel model, ByteModel? safe) in operation.Flushes)
            model.EndFlush(safe, failure is null);
        if (failure is not null)
        {
            foreach ((ByteModel model, ByteModel.Reading reading) in operation.Reads)
                model.Forget(reading);
            CheckFailureIsRight(operation, failure);
            return;
        }

        if (operation.Kind == BlockOperation.Flush)
            CheckFlush(operation);
        else if (operation.Kind == BlockOperation.Read)
            EndRead(operation, buffer);
        else if (operation.Bytes is { } bytes && operation.Host == Primary)
            EndPrimaryWrite(operation, bytes);
    }

    private void EndRead(GuestOperation operation, byte[] bytes)
    {
        long wrong = -1;
        bool right = false;
        foreach ((ByteModel model, ByteModel.Reading reading) in operation.Reads)
        {
            long at = model.EndRead(reading, bytes);
            if (at < 0 && operation.Reads.Count == 1)
                model.Settle(reading, bytes);
            right |= at < 0;
            wrong = Math.Max(wrong, at);
        }

        if (operation.Reads.Count == 0)
            Fail($"View: {operation} succeeded although there is no view");
        else if (!right)
        {
            Fail($"{(operation.Host == Primary ? "Local first" : "View")}: {operation} read at byte {wrong} what was never to be "
                + $"seen ({operation.Reads.Count} possible)");
        }
    }

    private void EndPrimaryWrite(GuestOperation operation, byte[] bytes)
    {
        ReadOnlySpan<byte> disk = Primary.Disks[operation.Disk].Content.AsSpan((int)operation.Range.OffsetBytes, bytes.Length);
        long wrong = PrimaryModel[operation.Disk].Check(operation.Range, disk);
        if (wrong >= 0)
            Fail($"Local first: {operation} is acknowledged, and the primary disk does not have it at byte {wrong}");
        CheckFence(operation);
    }

    // A guest's flush reaches both disks in acknowledgement mode applied, unless the mirror was lost or took too long.
    private void CheckFlush(GuestOperation operation)
    {
        if (operation.PeerFlushes >= 0 && PrimaryStatus is { Stage: NodeStage.Replicating } && _scheduler.Now - operation.IssuedAt < Settings.Deadline.Ticks / 2
            && Secondary.Disks[operation.Disk].Flushes == operation.PeerFlushes)
        {
            Fail($"{operation} is acknowledged, and the secondary disk was not flushed");
        }
    }

    private void CheckFailureIsRight(GuestOperation operation, BlockException failure)
    {
        if (operation.Host == Primary)
            NoteDifference();
        if (FailuresAreExpected || operation.Host.IsEnding || failure.Kind == BlockErrorKind.Stage)
            return;
        // A small overlay may be full: the guest above it is told so, the primary's guest never is.
        if (Settings.OverlayIsSmall && operation.Host == Secondary && failure.Kind == BlockErrorKind.NoSpace)
            return;
        if ((operation.Host == Primary ? PrimaryJobs : SecondaryJobs).MayFail(operation))
            return;
        Fail($"{operation} failed with nothing to blame: {failure.Message}");
    }
}
