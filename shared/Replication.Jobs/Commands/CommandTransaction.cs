using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;

namespace Replication.Jobs.Commands;

/// <summary>One transaction of a <see cref="JobCommands"/>, from its check to its jobs.</summary>
internal sealed class CommandTransaction(
    JobEngine engine, BitmapStore bitmaps, IJobHost host, Claims claims, CopyBuffers buffers, TimeProvider time, bool isGrouped)
{
    private readonly List<OpenBackup> _backups = []; // in order of their actions
    private readonly List<JobTransaction> _jobs = [];
    private readonly List<FrozenBitmap> _frozen = []; // of the one job transaction of a grouped one
    private BitmapChange? _change;
    private int _prepared; // how many of the backups have a job

    /// <summary>What may take long, before anything is held still: the backups' arguments are checked, and their targets opened.</summary>
    public async ValueTask OpenAsync(IReadOnlyList<TransactionAction> actions, CancellationToken cancellationToken)
    {
        foreach (TransactionAction.Backup action in actions.OfType<TransactionAction.Backup>())
            await OpenAsync(action.Command, BitmapsOf(action.Command.Device, actions), cancellationToken);
    }

    /// <summary>With everything held still: the actions in order, then all of them in force at once.</summary>
    public async ValueTask CommitAsync(IReadOnlyList<TransactionAction> actions)
    {
        _change = bitmaps.Begin();
        foreach (TransactionAction action in actions)
            await PrepareAsync(action);
        _change.Commit();
        foreach (OpenBackup backup in _backups)
            backup.Disk.Node.Add(backup.PointInTime!);
    }

    public void Begin()
    {
        foreach (JobTransaction jobs in _jobs)
            engine.Begin(jobs);
    }

    /// <summary>Takes everything back, the last first.</summary>
    public async ValueTask RollBackAsync()
    {
        for (int i = _jobs.Count - 1; i >= 0; i--)
            engine.Forget(_jobs[i]);
        _change?.RollBack();
        for (int i = _backups.Count - 1; i >= 0; i--)
            await _backups[i].CloseAsync(claims);
    }

    private async ValueTask OpenAsync(BackupCommand asked, IReadOnlyList<BitmapInfo> known, CancellationToken cancellationToken)
    {
        JobDisk disk = host.Disks.FirstOrDefault(disk => disk.Name == asked.Device) ?? throw new JobException(
            JobErrorClass.DeviceNotFound, $"there is no disk '{asked.Device}'; it is one of {string.Join(", ", host.Disks.Select(disk => disk.Name))}");
        var backup = new OpenBackup(BackupRules.Check(asked, known), disk);
        _backups.Add(backup);
        backup.Claim(claims, disk.Identity, $"disk '{disk.Name}'");
        backup.Target = await host.OpenTargetAsync(backup.Command, disk.Source.LengthBytes, cancellationToken);
        if (backup.Target.Identity == disk.Identity)
            throw Refused($"the target of a backup of disk '{disk.Name}' is the disk itself; give another one");
        backup.Claim(claims, backup.Target.Identity, $"target '{asked.Target}'");
        backup.ClusterBytes = BackupRules.CheckCopy(backup.Command, backup.Target.ClusterBytes, host.SmallestClusterBytes);
        if (backup.Target.Node.LengthBytes != disk.Source.LengthBytes)
        {
            throw Refused($"target '{asked.Target}' has {backup.Target.Node.LengthBytes} bytes, disk '{disk.Name}' has "
                + $"{disk.Source.LengthBytes}: they must be equal");
        }
    }

    private async ValueTask PrepareAsync(TransactionAction action)
    {
        switch (action)
        {
            case TransactionAction.Abort:
                throw Refused("the transaction has an abort action: nothing of it has been done");
            case TransactionAction.Backup:
                await PrepareAsync(_backups[_prepared]);
                _prepared++;
                break;
            case TransactionAction.BitmapAdd add:
                await _change!.AddAsync(add.Device, add.Name, add.GranularityBytes, add.IsPersistent, add.IsDisabled);
                break;
            case TransactionAction.BitmapRemove remove:
                _change!.Remove(remove.Device, remove.Name);
                break;
            case TransactionAction.BitmapClear clear:
                await _change!.ClearAsync(clear.Device, clear.Name);
                break;
            case TransactionAction.BitmapEnable enable:
                _change!.Enable(enable.Device, enable.Name, true);
                break;
            case TransactionAction.BitmapDisable disable:
                _change!.Enable(disable.Device, disable.Name, false);
                break;
            case TransactionAction.BitmapMerge merge:
                await _change!.MergeAsync(merge.Device, merge.Name, merge.Sources);
                break;
            default:
                Invariant.Broken($"an action that nobody knows: {action}");
                break;
        }
    }

    private async ValueTask PrepareAsync(OpenBackup backup)
    {
        BackupCommand command = backup.Command;
        FrozenBitmap? frozen = command.Bitmap is { } name ? await _change!.FreezeAsync(command.Device, name) : null;
        BlockNode source = backup.Disk.Source;
        BlockBitmap wanted = Wanted(source.LengthBytes, backup.ClusterBytes, command.Sync == BackupSync.Bitmap ? frozen : null);
        IBackupTarget target = backup.Target!;
        backup.PointInTime = new PointInTime(
            source, target.Node, wanted, new PointInTimeOptions(backup.ClusterBytes, command.OnCbwError, command.CbwTimeout), buffers, time);
        var plan = new BackupPlan
        {
            PointInTime = backup.PointInTime,
            Source = source.Name,
            Target = target.Node,
            Sync = command.Sync,
            Workers = command.MaxWorkers,
            ChunkBytes = command.MaxChunkBytes == 0 ? Limits.CopyBytes : (int)Math.Min(command.MaxChunkBytes, Limits.CopyBytes),
            OnSourceError = command.OnSourceError,
            OnTargetError = command.OnTargetError,
            Bitmap = frozen,
            BitmapMode = command.BitmapMode ?? BitmapMode.OnSuccess,
            SealAsync = target.SealAsync,
            CloseAsync = () => backup.CloseAsync(claims),
        };
        engine.Create(
            TransactionFor(frozen),
            new JobOptions
            {
                Id = command.JobId ?? command.Device,
                Type = JobType.Backup,
                SpeedBytesPerSecond = command.SpeedBytesPerSecond,
                AutoFinalize = command.AutoFinalize,
                AutoDismiss = command.AutoDismiss,
            },
            new BackupWork(plan, time));
    }

    /// <summary>Where a backup's job goes: a transaction of its own, or the one of all.</summary>
    private JobTransaction TransactionFor(FrozenBitmap? frozen)
    {
        List<FrozenBitmap> decided = isGrouped ? _frozen : [];
        if (frozen is not null)
            decided.Add(frozen);
        if (!isGrouped || _jobs.Count == 0)
        {
            _jobs.Add(engine.CreateTransaction(() =>
            {
                if (decided.Count > 0)
                    bitmaps.Decide(decided);
                return default;
            }));
        }

        return _jobs[^1];
    }

    /// <summary>The bitmaps that a backup of this transaction will find: those that are there, and those that an action adds.</summary>
    private IReadOnlyList<BitmapInfo> BitmapsOf(string device, IReadOnlyList<TransactionAction> actions)
    {
        IEnumerable<BitmapInfo> added = actions.OfType<TransactionAction.BitmapAdd>().Where(add => add.Device == device)
            .Select(add => new BitmapInfo(add.Name, 0, 0, !add.IsDisabled, false, add.IsPersistent, false));
        return [.. bitmaps.Query(device), .. added];
    }

    private static BlockBitmap Wanted(long lengthBytes, int clusterBytes, FrozenBitmap? marked)
    {
        var wanted = new BlockBitmap((lengthBytes + clusterBytes - 1) / clusterBytes);
        if (marked is null)
        {
            wanted.Set(0, wanted.LengthBits);
            return wanted;
        }

        BlockBitmap marks = marked.Frozen;
        long granularityBytes = marked.GranularityBytes;
        for (long bit = marks.NextSet(0, marks.LengthBits); bit < marks.LengthBits;)
        {
            long end = marks.NextClear(bit, marks.LengthBits);
            long first = bit * granularityBytes / clusterBytes;
            wanted.Set(first, (Math.Min(end * granularityBytes, lengthBytes) + clusterBytes - 1) / clusterBytes - first);
            bit = marks.NextSet(end, marks.LengthBits);
        }

        return wanted;
    }

    private static JobException Refused(string message) => new(JobErrorClass.GenericError, message);
}
