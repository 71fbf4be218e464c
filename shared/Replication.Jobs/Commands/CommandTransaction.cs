using Replication.Block;
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
    private readonly GroupSeals? _seals = isGrouped ? new GroupSeals(bitmaps) : null;
    private BitmapChange? _change;
    private bool _isInForce;
    private int _prepared; // how many of the backups have a job

    /// <summary>What may take long, before anything is held still: the backups' arguments are checked, and their targets opened.</summary>
    public async ValueTask OpenAsync(IReadOnlyList<TransactionAction> actions, CancellationToken cancellationToken)
    {
        // Opening may empty a target: what can be refused without it is refused before the first one.
        foreach (TransactionAction.Backup action in actions.OfType<TransactionAction.Backup>())
            Check(OpenBackup.Find(host, action.Command), bitmaps.Foresee(action.Command.Device, actions));
        foreach (OpenBackup backup in _backups)
            await OpenAsync(backup, cancellationToken);
    }

    /// <summary>With everything held still: the actions in order. Nothing of them is in force before <see cref="Commit"/>.</summary>
    /// <param name="actions">All of them.</param>
    /// <param name="epoch">The pair's, at this moment.</param>
    public async ValueTask PrepareAsync(IReadOnlyList<TransactionAction> actions, ulong epoch)
    {
        _change = bitmaps.Begin();
        foreach (TransactionAction action in actions)
            await PrepareAsync(action, epoch);
    }

    /// <summary>With everything held still since it was prepared: all of it is in force at once.</summary>
    /// <exception cref="IOException">It could not be recorded; roll it back.</exception>
    public void Commit()
    {
        _change!.Commit();
        _isInForce = true;
        foreach (OpenBackup backup in _backups)
            backup.Begin();
    }

    /// <returns>The jobs, in order of their actions.</returns>
    public IReadOnlyList<JobInfo> Begin() => [.. _jobs.SelectMany(engine.Begin)];

    /// <summary>
    /// Takes the actions back that are not in force, the last first, while everything is still held: a mark that came in between would go into what is undone.
    /// Once; further calls do nothing.
    /// </summary>
    public void TakeBack()
    {
        if (_isInForce)
            return;
        for (int i = _jobs.Count - 1; i >= 0; i--)
            engine.Forget(_jobs[i]);
        _jobs.Clear();
        _change?.RollBack();
        _change = null;
    }

    /// <summary>Takes everything back, the last first, and closes what was opened. Nothing of it is in force.</summary>
    public async ValueTask RollBackAsync()
    {
        TakeBack();
        for (int i = _backups.Count - 1; i >= 0; i--)
            await _backups[i].CloseAsync(claims);
    }

    private void Check(OpenBackup backup, IReadOnlyList<BitmapInfo> known)
    {
        bool isTaken = _backups.Exists(other => other.Id == backup.Id);
        _backups.Add(backup);
        backup.CheckArguments(host, known);
        engine.CheckNew(backup.Id, backup.Command.SpeedBytesPerSecond);
        backup.ClaimDisk(claims);
        if (isTaken)
            throw new JobException(JobErrorClass.GenericError, $"two jobs of the transaction have the name '{backup.Id}'; give one of them another job-id");
    }

    private async ValueTask OpenAsync(OpenBackup backup, CancellationToken cancellationToken)
    {
        IBackupTarget target = backup.Target = await backup.OpenTargetAsync(host, cancellationToken);
        backup.CheckTarget(host, claims, new TargetOutlook(target.Identity, target.Node.LengthBytes, target.ClusterBytes));
    }

    private async ValueTask PrepareAsync(TransactionAction action, ulong epoch)
    {
        switch (action)
        {
            case TransactionAction.Abort:
                throw new JobException(JobErrorClass.GenericError, "the transaction has an abort action: nothing of it has been done");
            case TransactionAction.Backup:
                await PrepareAsync(_backups[_prepared], epoch);
                _prepared++;
                break;
            case TransactionAction.Checkpoint:
                // It is what holds everything still.
                break;
            default:
                Invariant.Check(await _change!.ApplyAsync(action), $"somebody knows the action {action}");
                break;
        }
    }

    private async ValueTask PrepareAsync(OpenBackup backup, ulong epoch)
    {
        BackupCommand command = backup.Command;
        FrozenBitmap? frozen = (command.Fleece?.Command.Bitmap ?? command.Bitmap) is { } name ? await _change!.FreezeAsync(command.Device, name) : null;
        DiskMoment moment = backup.TakeMoment();
        (JobOptions options, JobWork work) = backup.Prepare(
            frozen, epoch, claims, _seals, buffers, command.UseCopyRange ? host.OffloadBetween(moment.Source, backup.Target!.Node) : null, time);
        JobTransaction transaction = TransactionFor(frozen);
        command.Fleece?.Transaction = transaction;
        engine.Create(transaction, options, work);
        if (options.Backup!.Warning is { } warning)
            host.Warn($"job {options.Id}: {warning}");
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
                IReadOnlyList<TargetSeal> seals = _seals?.Pending ?? [];
                if (decided.Count > 0 || seals.Count > 0)
                    bitmaps.Decide(decided, seals);
                return default;
            }));
        }

        return _jobs[^1];
    }
}
