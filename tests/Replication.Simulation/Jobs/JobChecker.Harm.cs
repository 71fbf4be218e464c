using Replication.Jobs.Backup;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Jobs;

/// <remarks>What the backup of a disk may cost its guest: time, and what <c>on-cbw-error</c> says; nothing else, whatever becomes of the target.</remarks>
internal sealed partial class JobChecker
{
    // A copy reads the disk and writes the target, and may wait for another one there.
    private static readonly long s_copyTime = Scheduler.Ticks(300);
    private static readonly long s_afterwards = Scheduler.Ticks(2000);

    private readonly Dictionary<int, long> _breakable = [];
    private int _targetFaultsSeen;

    /// <summary>
    /// How much longer a guest's request may take for backups, in ticks; null: as long as a target takes. Of any disk: a checkpoint holds all of them until
    /// what is under way on each has ended.
    /// </summary>
    public long? Wait()
    {
        long wait = 0;
        foreach (BackupRecord backup in _backups.Values.Where(backup => backup.Moment is not null))
        {
            if (backup.Target.HadTrouble && backup.Command.CbwTimeout == TimeSpan.Zero)
                return null;
            wait += s_copyTime + backup.Command.CbwTimeout.Ticks;
        }

        return wait;
    }

    /// <summary>A backup of the disk may make this request of its guest fail.</summary>
    public bool MayFail(GuestOperation operation) =>
        operation.Bytes is not null && _breakable.GetValueOrDefault(operation.Disk, -1) >= operation.IssuedAt;

    private bool MayBeBroken(BackupRecord backup) =>
        backup.Target.HasHung
        || (backup.Command.OnCbwError == OnCbwError.BreakSnapshot
            && (backup.Command.CbwTimeout > TimeSpan.Zero || backup.Target.HadTrouble || _host.Faults.Failed > backup.FaultsBefore));

    private void NoteHarm()
    {
        // What a write that failed for its backup has left behind is mended as after a failing disk.
        if (_host.Targets.Faults.Failed > _targetFaultsSeen)
            _pair.NoteDifference();
        _targetFaultsSeen = _host.Targets.Faults.Failed;
        foreach (BackupRecord backup in _backups.Values)
        {
            if (backup.Command.OnCbwError == OnCbwError.BreakGuestWrite && (backup.Target.HadTrouble || backup.Command.CbwTimeout > TimeSpan.Zero))
                _breakable[backup.Disk] = _scheduler.Now + s_afterwards;
        }
    }
}
