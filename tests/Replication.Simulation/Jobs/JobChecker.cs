using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Storage;

namespace Replication.Simulation.Jobs;

/// <summary>
/// What the jobs and bitmaps of one host must keep to; looks at disks, targets, files and events, and knows nothing of how the code comes to them.
/// </summary>
/// <remarks>
/// The moment of a backup is when its job is created: every disk of the host is held still then, which is looked at. Bitmaps follows the list of bitmaps on
/// record, Harm says what the guest may suffer.
/// </remarks>
internal sealed partial class JobChecker
{
    private readonly Pair _pair;
    private readonly SimulatedHost _host;
    private readonly Scheduler _scheduler;
    private readonly Dictionary<string, BackupRecord> _backups = new(StringComparer.Ordinal);
    private BackupTransaction? _asked;

    public JobChecker(Pair pair, SimulatedHost host)
    {
        (_pair, _host, _scheduler) = (pair, host, host.Scheduler);
        _files = BitmapFiles.Read(host);
        host.State.Replaced = AtReplaced;
    }

    /// <summary>Backups that have begun, or may have, and have not ended.</summary>
    public IEnumerable<BackupRecord> Backups => _backups.Values;

    public bool IsIdle => _asked is null && _backups.Count == 0;

    /// <summary>One transaction at a time is asked for.</summary>
    public bool IsAsked => _asked is not null;

    public void Ask(BackupTransaction transaction)
    {
        (_asked, transaction.FaultsBefore) = (transaction, _host.Faults.Failed);
        foreach (BackupRecord backup in transaction.Backups)
            _backups.Add(backup.Id, backup);
    }

    /// <summary>The node takes it up: another process, perhaps, than the one that it was meant for. False: another one was asked for meanwhile.</summary>
    public bool Arrives(BackupTransaction transaction)
    {
        if (_asked is null)
            Ask(transaction);
        return _asked == transaction;
    }

    /// <summary>It has begun, or was refused.</summary>
    public void Answered(BackupTransaction transaction, string? refusal)
    {
        if (_asked != transaction)
            return;
        _asked = null;
        if (refusal is null)
        {
            Follow(transaction, transaction.Actions.Count);
            if (transaction is { Moment: { } moment, Cut: { } cut } && transaction.Actions.Any(action => action is TransactionAction.Checkpoint)
                && !moment.Zip(cut).All(disk => disk.First.AsSpan().SequenceEqual(disk.Second)))
            {
                Fail("Moment: the backups of a transaction with a checkpoint are not of the checkpoint's moment");
            }

            return;
        }

        foreach (BackupRecord backup in transaction.Backups)
            Forget(backup);
        TakeBack(transaction);
    }

    public void StatusChanged(string id, string status)
    {
        if (!_backups.TryGetValue(id, out BackupRecord? backup))
            return;
        if (status == "created")
            AtCreated(backup);
        else if (status is "aborting" or "concluded" or "null" || (backup.IsFleece && status == "waiting"))
            backup.IsKept = false; // a fleece that waits has been read
    }

    public void Concluded(string id, bool hasSucceeded)
    {
        if (!_backups.TryGetValue(id, out BackupRecord? backup))
            return;
        backup.HasSucceeded = hasSucceeded;
        if (hasSucceeded && !backup.IsFleece)
            CheckWhole(backup, "is said to have succeeded");
        if (backup.Transaction.GroupOf(backup).FirstOrDefault(other => other.IsOver && other.HasSucceeded != hasSucceeded) is { } other)
            Fail($"Group: of grouped jobs {backup} has {(hasSucceeded ? "succeeded" : "failed")}, and {other} has not");
        AtConcluded(backup);
        _backups.Remove(id);
        if (!_pairs.Exists(group => group.Contains(backup)))
            _host.Targets.Forget(backup.Target);
    }

    /// <summary>The process is gone.</summary>
    public void AtKilled()
    {
        foreach (BackupRecord backup in _backups.Values)
            backup.IsKept = false;
        _backups.Clear();
        if (_asked is { } asked && asked.Followed > 0 && !asked.IsOnRecord)
            TakeBack(asked);
        _asked = null;
        if (_isInDoubt)
            _bitmaps.Clear();
        _isInDoubt = false;
    }

    /// <summary>After every step.</summary>
    public void Check()
    {
        foreach (BackupRecord backup in _backups.Values)
        {
            if (backup.Target.IsSealed)
                CheckWhole(backup, "says that it is whole");
            else if (backup is { IsKept: true, IsPartial: false, IsLimited: false } && !MayBeBroken(backup))
                CheckKept(backup);
        }

        CheckBitmaps();
        CheckGroups();
        NoteHarm();
    }

    /// <summary>A reader of a fleece has this from there on; it may have found nothing.</summary>
    public void HasRead(BackupRecord fleece, long offsetBytes, ReadOnlySpan<byte> bytes, BlockException? failure)
    {
        if (failure is null)
        {
            int same = bytes.CommonPrefixLength(fleece.Moment.AsSpan((int)offsetBytes, bytes.Length));
            if (same < bytes.Length)
                Fail($"Moment: a reader of {fleece} has read at byte {offsetBytes + same} what the disk did not hold at its moment");
        }
        else if (failure.Errno == Errno.EACCES
            ? !fleece.IsLimited && !MayBeBroken(fleece)
            : !fleece.Target.HadTrouble && _host.Faults.Failed == fleece.FaultsBefore)
        {
            Fail($"Moment: a reader of {fleece} is refused with nothing to blame: {failure.Message}");
        }
    }

    private void AtCreated(BackupRecord backup)
    {
        foreach (Medium disk in _host.Disks)
        {
            if (disk.Pending.Count > 0)
                Fail($"Moment: {backup} is created while a write of {disk.Name} is under way");
        }

        byte[][] now = [.. _host.Disks.Select(disk => (byte[])disk.Content.Clone())];
        byte[][] moment = backup.Transaction.Moment ??= now;
        backup.Transaction.Cut ??= _pair.LastCut;
        for (int i = 0; i < now.Length; i++)
        {
            if (!now[i].AsSpan().SequenceEqual(moment[i]))
                Fail($"Moment: disk{i} has changed between two jobs of one transaction");
        }

        backup.Moment = moment[backup.Disk];
        backup.FaultsBefore = _host.Faults.Failed;
        backup.IsKept = true;
        Follow(backup.Transaction, backup);
        if (backup.Command.Sync is not (BackupSync.Bitmap or BackupSync.Incremental))
            return;
        // Nobody has written to it yet.
        BitmapModel? bitmap = Find(backup.Disk, backup.Command.Bitmap!);
        byte[] before = bitmap is null ? backup.Moment : bitmap.Bases[_scheduler.Random.Next(bitmap.Bases.Count)];
        backup.Target.Medium.Write(0, before);
        backup.IsPartial = bitmap?.Stopped is { } stopped && !stopped.AsSpan().SequenceEqual(backup.Moment);
    }

    private void CheckWhole(BackupRecord backup, string why)
    {
        if (!backup.Target.IsSealed)
        {
            Fail($"Backup: {backup} {why}, and its target does not say that it is whole");
            return;
        }

        if (backup.IsPartial)
            return;
        int same = backup.Moment.AsSpan().CommonPrefixLength(backup.Target.Medium.Content);
        if (same < backup.Moment!.Length)
            Fail($"Backup: {backup} {why}, and differs at byte {same} from what the disk held at its moment");
    }

    // What has changed since is in the target: so a reader of the point in time finds it in one of the two.
    private void CheckKept(BackupRecord backup)
    {
        ReadOnlySpan<byte> moment = backup.Moment;
        ReadOnlySpan<byte> disk = _host.Disks[backup.Disk].Content;
        ReadOnlySpan<byte> target = backup.Target.Medium.Content;
        for (int at = disk.CommonPrefixLength(moment); at < disk.Length; at += disk[at..].CommonPrefixLength(moment[at..]))
        {
            if (target[at] != moment[at])
            {
                Fail($"Moment: byte {at} of disk{backup.Disk} has changed, and the target of {backup} does not hold what it was");
                return;
            }

            at++;
        }
    }

    private void Forget(BackupRecord backup)
    {
        backup.IsKept = false;
        _backups.Remove(backup.Id);
        _host.Targets.Forget(backup.Target);
    }

    // Told inside of production code, too, which nothing is thrown through.
    private void Fail(string message) => _pair.Fail($"{_host.Name}: {message}");
}
