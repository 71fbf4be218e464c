using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Nbd;

namespace Replication.Jobs.Fleecing;

/// <summary>One fleecing export, from the command to its end.</summary>
/// <param name="owner">Guards what says so.</param>
/// <param name="command">With its name.</param>
internal sealed class Fleece(Fleeces owner, FleeceCommand command)
{
    private FleeceWork? _work;

    public FleeceCommand Command => command;

    public string Name => command.Name!;

    /// <summary>Null before the moment.</summary>
    public PointInTime? PointInTime { get; private set; }

    /// <summary>Null before the moment.</summary>
    public NbdExport? Export { get; private set; }

    /// <summary>Ends with its job. Null before the moment.</summary>
    public JobTransaction? Transaction { get; set; }

    public DateTimeOffset OpenedAt { get; private set; }

    /// <summary>The pair's, at the moment.</summary>
    public ulong Epoch { get; private set; }

    /// <summary>The most old content that is kept; 0: no limit.</summary>
    public long QuotaBytes { get; private set; } = command.QuotaBytes;

    /// <summary>Clients find it. Guarded by the owner's lock.</summary>
    public bool IsShown { get; set; }

    /// <summary>It will not be shown any more. Guarded by the owner's lock.</summary>
    public bool IsWithdrawn { get; set; }

    /// <summary>Nobody has renewed it in time. Guarded by the owner's lock.</summary>
    public bool HasExpired { get; set; }

    /// <summary>The end of its lease as a time stamp; null: it has none. Guarded by the owner's lock.</summary>
    public long? LeaseEnd { get; set; }

    /// <summary>Guarded by the owner's lock.</summary>
    public ITimer? LeaseTimer { get; set; }

    /// <summary>Its job has: known when that has ended.</summary>
    public bool HasSucceeded { get; private set; }

    public JobFailure? Broken => PointInTime?.Broken is { } broken ? JobFailure.Of(broken) : null;

    /// <summary>The backup that it is underneath.</summary>
    public BackupCommand ToBackup() => new()
    {
        Device = command.Device,
        Target = command.Target ?? $"the node's file for fleece '{Name}'",
        Sync = BackupSync.None,
        JobId = Name,
        Format = command.Format,
        Mode = command.Mode,
        OnCbwError = command.OnCbwError,
        CbwTimeout = command.CbwTimeout,
        Fleece = this,
    };

    /// <summary>Opens what old content is kept in.</summary>
    public async ValueTask<IBackupTarget> OpenTargetAsync(IJobHost host, BackupCommand backup, long lengthBytes, CancellationToken cancellationToken)
    {
        if (command.Target is not null)
            return await host.OpenTargetAsync(backup, lengthBytes, cancellationToken);
        IBackupTarget target = owner.CreateScratch(Name, lengthBytes, out long quotaBytes);
        if (QuotaBytes == 0)
            QuotaBytes = quotaBytes;
        return target;
    }

    /// <summary>Everything is held still, and this is the moment. Nobody sees it yet.</summary>
    /// <param name="plan">Its point in time, what limits it, and how it ends.</param>
    /// <param name="epoch">The pair's.</param>
    /// <param name="time">The node's.</param>
    public JobWork Take(BackupPlan plan, ulong epoch, TimeProvider time)
    {
        PointInTime pointInTime = plan.PointInTime;
        (PointInTime, Epoch, OpenedAt) = (pointInTime, epoch, time.GetUtcNow());
        List<INbdMetaContext> contexts = [new AllocationDepthContext(pointInTime.DepthAsync)];
        if (plan.Bitmap is { } bitmap)
            contexts.Add(new DirtyBitmapContext(command.Bitmap!, bitmap.Frozen, bitmap.GranularityBytes));
        Export = new NbdExport(Name, new SnapshotNode(Name, pointInTime.LengthBytes, pointInTime))
        {
            ReadOnly = !command.SaysWritable,
            TakesTrim = true,
            MaxConnections = Limits.FleeceReaders,
            Description = $"disk {command.Device} as it was at {OpenedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff}Z",
            Contexts = contexts,
        };
        _work = new FleeceWork(this, plan, time);
        pointInTime.HighWater = () => owner.TellHighWater(this);
        pointInTime.GivenUp = () => owner.GiveUp(this);
        return _work;
    }

    /// <summary>Its reader has everything.</summary>
    public void Finish() => _work!.Finish();

    /// <summary>Its job looks whether it is over.</summary>
    public void Wake() => _work!.Wake();

    /// <summary>Its job is about to end: nobody reads any more. The export of one that was given up stays, to tell its readers why.</summary>
    public async ValueTask WithdrawAsync()
    {
        if (Broken is null)
            await owner.WithdrawAsync(this);
        else
            await PointInTime!.DrainAsync();
    }

    /// <summary>Its job has given up all that it held.</summary>
    public void Ended(bool succeeded)
    {
        HasSucceeded = succeeded;
        if (owner.IsWithdrawn(this))
            owner.Forget(this, succeeded ? FleeceEnd.Done : HasExpired ? FleeceEnd.Expired : FleeceEnd.Closed);
    }
}
