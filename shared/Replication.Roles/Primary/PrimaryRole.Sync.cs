using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

internal sealed partial class PrimaryRole
{
    private bool _outrunTold; // guarded by _verbs: no sync has got through since that was told

    /// <summary>
    /// Makes the secondary's disks equal, while the guest runs: copies what is marked where the marks describe this secondary, else finds what differs.
    /// Returns the bytes that travelled.
    /// </summary>
    private async Task<long> SyncAsync(MirrorAttachment attachment, IReplicationPeer peer, SyncMode sync, CancellationToken cancellationToken)
    {
        string way = attachment.SyncsByMarks ? "marks" : sync switch
        {
            SyncMode.Auto => "digests",
            SyncMode.Full => "everything",
            _ => "nothing",
        };
        Journal.Publish(
            EventTypes.ResyncStarted, ("sync", sync.ToString().ToLowerInvariant()), ("way", way),
            ("markedBytes", attachment.MarkedDisks.Sum(disk => disk.Marks.DirtyBytes)));
        long synced = 0;
        if (!attachment.SyncsByMarks)
        {
            if (sync != SyncMode.None)
                synced = await SyncAllAsync(attachment, peer, sync, cancellationToken);
            foreach (MarkedDisk disk in attachment.MarkedDisks)
                disk.Marks.SettleAll();
        }

        synced += await SyncMarkedAsync(attachment, cancellationToken);
        // What zeroing has left to do from here on follows in the background, and nothing is held before it is done.
        attachment.BeginBackgroundCopies();
        await attachment.CleanAsync(cancellationToken);
        await peer.CompleteSyncAsync(attachment.Token, cancellationToken);
        attachment.ThrowIfLost();
        _outrunTold = false;
        Journal.Publish(EventTypes.ResyncCompleted, ("syncedBytes", synced));
        return synced;
    }

    private async Task<long> SyncAllAsync(MirrorAttachment attachment, IReplicationPeer peer, SyncMode sync, CancellationToken cancellationToken)
    {
        long total = _disks.Sum(disk => disk.Quorum.LengthBytes);
        long done = 0;
        long synced = 0;
        foreach (PrimaryDisk disk in _disks)
        {
            var pass = new DiskSync(disk, attachment, peer, useDigests: sync == SyncMode.Auto);
            await pass.RunAsync(advancedBytes => _progress = new ProgressStatus("sync", done += advancedBytes, total), cancellationToken);
            synced += pass.SentBytes;
        }

        return synced;
    }

    private async Task<long> SyncMarkedAsync(MirrorAttachment attachment, CancellationToken cancellationToken)
    {
        long total = attachment.MarkedDisks.Sum(disk => disk.Marks.NeedsCopyBytes);
        long done = 0;
        foreach (MarkedDisk disk in attachment.MarkedDisks)
        {
            var progress = new PassProgress(Time);
            var pass = new MarkedCopy(disk, () => attachment.Session.CopyShare, attachment.PaceAsync, leftBytes => CheckProgress(progress, disk, leftBytes));
            await pass.RunAsync(advancedBytes => _progress = new ProgressStatus("sync", done += advancedBytes, Math.Max(done, total)), cancellationToken);
        }

        return done;
    }

    private void CheckProgress(PassProgress progress, MarkedDisk disk, long leftBytes)
    {
        if (!progress.IsStalled(leftBytes))
            return;
        string message = $"the guest changes disk '{disk.Link.Disk}' faster than the sync copies it: {leftBytes} bytes are left after {Limits.StalledPasses} "
            + "passes that have not made them less; "
            + "what is marked stays marked: try again when the guest writes or trims less, or with a higher Mirror:ResyncRate";
        // Attempts that follow by themselves end the same way: one outage is one event.
        if (!_outrunTold)
            Journal.Publish(EventTypes.Error, ("cause", "outrun"), ("disk", disk.Link.Disk), ("leftBytes", leftBytes), ("message", message));
        _outrunTold = true;
        throw new VerbException(VerbFailure.Failed, message);
    }
}
