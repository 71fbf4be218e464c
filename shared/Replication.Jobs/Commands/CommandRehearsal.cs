using Replication.Jobs.Bitmaps;

namespace Replication.Jobs.Commands;

/// <summary>A transaction that does nothing but find out what of it would be refused: every action's error, not only the first.</summary>
/// <remarks>
/// What is refused is left out, and the rest goes on as if it were not there; so an error may be the consequence of an earlier one. The actions on bitmaps are
/// done and taken back, with everything held still: the rules are those of the real ones.
/// </remarks>
internal sealed class CommandRehearsal(JobEngine engine, BitmapStore bitmaps, IJobHost host, Claims claims, IReadOnlyList<TransactionAction> actions)
{
    private readonly List<TransactionFault> _faults = [];
    private readonly Dictionary<int, OpenBackup> _backups = [];
    private readonly HashSet<int> _misfits = []; // backups whose arguments cannot be: nothing follows from them
    private readonly HashSet<string> _ids = [];

    /// <summary>In order of the actions.</summary>
    public IReadOnlyList<TransactionFault> Faults => [.. _faults.OrderBy(fault => fault.Action)];

    /// <summary>What may take long, before anything is held still.</summary>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        for (int i = 0; i < actions.Count; i++)
        {
            switch (actions[i])
            {
                case TransactionAction.Abort:
                    Add(i, new JobException(JobErrorClass.GenericError, "an abort action fails the transaction"));
                    break;
                case TransactionAction.Checkpoint:
                    Try(i, host.CheckCheckpoint);
                    break;
                case TransactionAction.Backup backup:
                    await CheckAsync(i, backup.Command, cancellationToken);
                    break;
            }
        }
    }

    /// <summary>With everything held still: does what concerns bitmaps, in order, and takes it back.</summary>
    public async Task CheckBitmapsAsync()
    {
        BitmapChange change = bitmaps.Begin();
        try
        {
            for (int i = 0; i < actions.Count; i++)
            {
                int action = i;
                if (actions[i] is not TransactionAction.Backup)
                    await TryAsync(i, async () => await change.ApplyAsync(actions[action]));
                else if (!_misfits.Contains(i) && _backups.TryGetValue(i, out OpenBackup? backup) && backup.Command.Bitmap is { } name)
                    await TryAsync(i, async () => await change.FreezeAsync(backup.Command.Device, name));
            }
        }
        finally
        {
            change.RollBack();
        }
    }

    public void GiveClaims()
    {
        foreach (OpenBackup backup in _backups.Values)
            backup.GiveClaims(claims);
    }

    private async Task CheckAsync(int action, BackupCommand command, CancellationToken cancellationToken)
    {
        if (!Try(action, () => _backups.Add(action, OpenBackup.Find(host, command))))
            return;
        OpenBackup backup = _backups[action];
        if (!Try(action, () => backup.CheckArguments(host, bitmaps.Foresee(command.Device, actions))))
            _misfits.Add(action);
        Try(action, () => engine.CheckNew(backup.Id, command.SpeedBytesPerSecond));
        if (!_ids.Add(backup.Id))
            Add(action, new JobException(JobErrorClass.GenericError, $"two jobs of the transaction have the name '{backup.Id}'; give one of them another"));
        Try(action, () => backup.ClaimDisk(claims));
        long lengthBytes = backup.Disk.LengthBytes;
        await TryAsync(action, async () =>
        {
            TargetOutlook target = await host.CheckTargetAsync(backup.Command, lengthBytes, cancellationToken);
            backup.CheckTarget(host, claims, target);
        });
    }

    private bool Try(int action, Action check)
    {
        try
        {
            check();
            return true;
        }
        catch (JobException e)
        {
            Add(action, e);
            return false;
        }
    }

    private async Task TryAsync(int action, Func<Task> check)
    {
        try
        {
            await check();
        }
        catch (JobException e)
        {
            Add(action, e);
        }
        catch (IOException e)
        {
            Add(action, new JobException(JobErrorClass.GenericError, e.Message, e));
        }
    }

    private void Add(int action, JobException refusal)
    {
        // Tuning is looked at with the arguments and with the target.
        if (!_faults.Exists(fault => fault.Action == action && fault.Message == refusal.Message))
            _faults.Add(new TransactionFault(action, refusal.Class, refusal.Message));
    }
}
