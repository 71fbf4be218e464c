using Replication.Jobs;
using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

/// <summary>
/// The sync of a pair, as a job of the node's own: makes the secondary's disks equal, while the guest runs. Copies what is marked where the marks describe this
/// secondary, else finds what differs. It has succeeded when the secondary knows that it lacks nothing.
/// </summary>
/// <remarks>
/// Its speed is the job's, its progress the job's, and whoever interrupts the verb cancels the job. It is never paused: it has no name that a person could ask
/// for it by. What it holds up (the session, the stage) is taken back by the verb that has begun it.
/// </remarks>
internal sealed class SyncWork(
    RoleContext node, IReadOnlyList<PrimaryDisk> disks, MirrorAttachment attachment, IReplicationPeer peer, SyncMode sync, OutrunAlarm outrun) : JobWork
{
    private volatile JobContext? _job;

    /// <summary>Bytes that travelled.</summary>
    public long SyncedBytes { get; private set; }

    /// <summary>For status; null as long as it is not known what there is to do.</summary>
    public ProgressStatus? Progress => _job?.Progress is (var doneBytes, > 0 and var totalBytes) ? new ProgressStatus("sync", doneBytes, totalBytes) : null;

    private string Way => attachment.SyncsByMarks ? "marks" : sync switch
    {
        SyncMode.Auto => "digests",
        SyncMode.Full => "everything",
        _ => "nothing",
    };

    public override async Task RunAsync(JobContext context)
    {
        _job = context;
        node.Journal.Publish(
            EventTypes.ResyncStarted, ("sync", sync.ToString().ToLowerInvariant()), ("way", Way),
            ("markedBytes", attachment.MarkedDisks.Sum(disk => disk.Marks.DirtyBytes)));
        var pace = new CopyPace(node.Time, context);
        ValueTask PaceAsync(long lengthBytes) => pace.TakeAsync(lengthBytes, attachment.Session.GuestWrites, attachment.ThrowIfLost);
        if (!attachment.SyncsByMarks)
        {
            if (sync != SyncMode.None)
                await SyncAllAsync(context, PaceAsync);
            foreach (MarkedDisk disk in attachment.MarkedDisks)
                disk.Marks.SettleAll();
        }

        await SyncMarkedAsync(context, PaceAsync);
        // What zeroing has left to do from here on follows in the background, and nothing is held before it is done.
        attachment.BeginBackgroundCopies();
        await attachment.CleanAsync(context.Token);
        await peer.CompleteSyncAsync(attachment.Token, context.Token);
        attachment.ThrowIfLost();
    }

    public override ValueTask CommitAsync()
    {
        outrun.IsOver();
        node.Journal.Publish(EventTypes.ResyncCompleted, ("syncedBytes", SyncedBytes));
        return default;
    }

    private async Task SyncAllAsync(JobContext job, Func<long, ValueTask> pace)
    {
        job.Grow(disks.Sum(disk => disk.Quorum.LengthBytes));
        foreach (PrimaryDisk disk in disks)
        {
            var pass = new DiskSync(disk, attachment, peer, useDigests: sync == SyncMode.Auto, pace);
            await pass.RunAsync(job.Advance, job.Token);
            SyncedBytes += pass.SentBytes;
        }
    }

    private async Task SyncMarkedAsync(JobContext job, Func<long, ValueTask> pace)
    {
        job.Grow(attachment.MarkedDisks.Sum(disk => disk.Marks.NeedsCopyBytes));
        foreach (MarkedDisk disk in attachment.MarkedDisks)
        {
            var progress = new PassProgress(node.Time);
            var pass = new MarkedCopy(disk, () => attachment.Session.CopyShare, pace, leftBytes =>
            {
                if (progress.IsStalled(leftBytes))
                    throw outrun.Tell(disk.Link.Disk, leftBytes);
            });
            await pass.RunAsync(sentBytes => Advance(job, sentBytes), job.Token);
            SyncedBytes += pass.SentBytes;
        }
    }

    // Blocks begin to need a copy while it runs: then there was more to do than was known.
    private static void Advance(JobContext job, long sentBytes)
    {
        (long doneBytes, long totalBytes) = job.Progress;
        if (doneBytes + sentBytes > totalBytes)
            job.Grow(doneBytes + sentBytes - totalBytes);
        job.Advance(sentBytes);
    }
}
