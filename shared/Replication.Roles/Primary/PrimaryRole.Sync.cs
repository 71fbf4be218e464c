using Replication.Jobs;

namespace Replication.Roles.Primary;

internal sealed partial class PrimaryRole
{
    private readonly OutrunAlarm _outrun; // guarded by _verbs
    private volatile SyncWork? _sync; // written under _verbs; read by status

    /// <summary>Makes the secondary's disks equal: a job of this node's own, within the verb that asks for it. Returns the bytes that travelled.</summary>
    private async Task<long> SyncAsync(MirrorAttachment attachment, IReplicationPeer peer, SyncMode sync, CancellationToken cancellationToken)
    {
        var options = new JobOptions { Id = null, Type = JobType.Mirror, SpeedBytesPerSecond = Options.Mirror.ResyncRate };
        SyncWork work = _sync = new SyncWork(_context, _disks, attachment, peer, sync, _outrun);
        await _jobs.RunOwnAsync(options, work, cancellationToken);
        return work.SyncedBytes;
    }
}
