using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Files;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;

namespace Replication.Jobs.Commands;

/// <summary>One backup of a transaction, and what it holds for as long as its job lives.</summary>
internal sealed class OpenBackup
{
    private readonly BackupCommand _asked;
    private readonly List<string> _claimed = [];

    private OpenBackup(BackupCommand asked, JobDisk disk) => (_asked, Command, Disk) = (asked, asked, disk);

    /// <summary>As it was asked for; behind <see cref="CheckArguments"/> with what follows from the rules.</summary>
    public BackupCommand Command { get; private set; }

    public JobDisk Disk { get; }

    public IBackupTarget? Target { get; set; }

    public int ClusterBytes { get; private set; }

    /// <summary>The disk at the moment of the backup; set while everything is held still.</summary>
    public DiskMoment? Moment { get; private set; }

    public PointInTime? PointInTime { get; private set; }

    /// <summary>The job's name.</summary>
    public string Id => _asked.JobId ?? _asked.Device;

    /// <exception cref="JobException">There is no such disk.</exception>
    public static OpenBackup Find(IJobHost host, BackupCommand asked)
    {
        JobDisk disk = host.Disks.FirstOrDefault(disk => disk.Name == asked.Device) ?? throw new JobException(
            JobErrorClass.DeviceNotFound, $"there is no disk '{asked.Device}'; it is one of {string.Join(", ", host.Disks.Select(disk => disk.Name))}");
        return new OpenBackup(asked, disk);
    }

    /// <summary>All that can be said without the target, which opening may empty.</summary>
    /// <exception cref="JobException">The arguments cannot be.</exception>
    public void CheckArguments(IJobHost host, IReadOnlyList<BitmapInfo> bitmaps)
    {
        Command = BackupRules.Check(_asked, bitmaps);
        BackupRules.CheckTuning(_asked);
        if (_asked.FilterNodeName is { } name && host.Disks.Any(disk => disk.Name == name))
            throw Refused($"filter-node-name '{name}' is a disk's name; give another one");
    }

    /// <exception cref="JobException">Another job has it, or there is nothing to read.</exception>
    public void ClaimDisk(Claims claims)
    {
        if (Disk.WhyNot is { } reason)
            throw Refused(reason);
        Claim(claims, Disk.Identity, $"disk '{Disk.Name}'");
        if (_asked.FilterNodeName is { } name)
            Claim(claims, $"node {name}", $"node name '{name}'");
    }

    /// <exception cref="JobException">It is no target for this disk now.</exception>
    public void CheckTarget(IJobHost host, Claims claims, TargetOutlook target)
    {
        if (target.Identity == Disk.Identity)
            throw Refused($"the target of a backup of disk '{Disk.Name}' is the disk itself; give another one");
        Claim(claims, target.Identity, $"target '{_asked.Target}'");
        ClusterBytes = BackupRules.CheckCopy(_asked, target.ClusterBytes, host.SmallestClusterBytes);
        if (target.LengthBytes != Disk.LengthBytes)
        {
            throw Refused($"target '{_asked.Target}' has {target.LengthBytes} bytes, disk '{Disk.Name}' has "
                + $"{Disk.LengthBytes}: they must be equal");
        }
    }

    /// <exception cref="JobException">It cannot be.</exception>
    public ValueTask<IBackupTarget> OpenTargetAsync(IJobHost host, CancellationToken cancellationToken) => Command.Fleece is { } fleece
        ? fleece.OpenTargetAsync(host, Command, Disk.LengthBytes, cancellationToken)
        : host.OpenTargetAsync(Command, Disk.LengthBytes, cancellationToken);

    /// <summary>The job's options, and its work; its point in time is in force from <see cref="Begin"/> on.</summary>
    public (JobOptions Options, JobWork Work) Prepare(
        FrozenBitmap? frozen, ulong epoch, Claims claims, GroupSeals? seals, CopyBuffers buffers, CopyOffload? offload, TimeProvider time)
    {
        BlockNode source = Moment!.Source;
        BlockBitmap wanted = Wanted(frozen);
        PointInTime = new PointInTime(source, Target!.Node, wanted, KeptAs(Moment, offload), buffers, time);
        (Target as IPointInTimeKeeper)?.Show(PointInTime);
        int longest = offload is null ? Limits.CopyBytes : Limits.OffloadBytes;
        var plan = new BackupPlan
        {
            PointInTime = PointInTime,
            Source = source.Name,
            Target = Target.Node,
            Sync = Command.Sync,
            Workers = Command.MaxWorkers,
            ChunkBytes = Command.MaxChunkBytes == 0 ? longest : (int)Math.Min(Command.MaxChunkBytes, longest),
            OnSourceError = Command.OnSourceError,
            OnTargetError = Command.OnTargetError,
            Bitmap = frozen,
            BitmapMode = Command.BitmapMode ?? BitmapMode.OnSuccess,
            SealAsync = seals is null ? Target.SealAsync : () => seals.PrepareAsync(Target),
            Sealed = () => seals?.Complete(Target),
            Cut = Target.Cut,
            CloseAsync = () => CloseAsync(claims),
        };
        var options = new JobOptions
        {
            Id = Id,
            Type = JobType.Backup,
            SpeedBytesPerSecond = Command.SpeedBytesPerSecond,
            AutoFinalize = Command.AutoFinalize,
            AutoDismiss = Command.AutoDismiss,
            Backup = new JobBackup(
                Disk.Name, _asked.Target, _asked.Sync, _asked.Fleece?.Command.Bitmap ?? _asked.Bitmap, epoch, _asked.FilterNodeName ?? $"#filter-{Id}",
                Warning),
        };
        return (options, Command.Fleece?.Take(plan, epoch, time) ?? new BackupWork(plan, time));
    }

    /// <summary>This is the moment. Everything is held still, and <see cref="Prepare"/> follows.</summary>
    /// <exception cref="JobException">There is nothing to read.</exception>
    public DiskMoment TakeMoment() => Moment = Disk.Begin();

    /// <summary>From here on the guest's writes ask. Everything is still held.</summary>
    public void Begin() => Moment!.Ask(PointInTime!, PointInTime!.MayRead, PointInTime!.Break);

    /// <summary>The guest asks no more; the target is closed, and both are free for others.</summary>
    public async ValueTask CloseAsync(Claims claims)
    {
        if (Target is IPointInTimeKeeper keeper)
            await keeper.HideAsync();
        Moment?.Leave();
        if (PointInTime is { } pointInTime)
            await pointInTime.SettleAsync();
        if (Moment is { } moment)
            await moment.EndAsync();
        if (Target is { } target)
            await target.DisposeAsync();
        GiveClaims(claims);
    }

    public void GiveClaims(Claims claims)
    {
        foreach (string identity in _claimed)
            claims.Give(identity);
        _claimed.Clear();
    }

    /// <summary>QEMU's warning: clusters of the target that are larger than what is copied at once would be read back from it, half written.</summary>
    private string? Warning => Target!.IsClusterKnown || _asked.MinClusterBytes > 0
        ? null
        : $"target '{_asked.Target}' does not say in what units it is written; {ClusterBytes} bytes are assumed. If they are larger and have a backing file, "
        + "give min-cluster-size";

    private void Claim(Claims claims, string identity, string what)
    {
        claims.Take(identity, what);
        _claimed.Add(identity);
    }

    private PointInTimeOptions KeptAs(DiskMoment moment, CopyOffload? offload)
    {
        var options = new PointInTimeOptions(ClusterBytes, Command.OnCbwError, Command.CbwTimeout, offload)
        {
            QuotaBytes = Command.Fleece?.QuotaBytes ?? 0,
            IsPart = Command.Sync == BackupSync.Bitmap,
        };
        if (moment.WritersPatience is not { } patience)
            return options;
        bool isLonger = Command.CbwTimeout == TimeSpan.Zero || Command.CbwTimeout > patience;
        return options with { OnCbwError = OnCbwError.BreakSnapshot, CbwTimeout = isLonger ? patience : Command.CbwTimeout };
    }

    private BlockBitmap Wanted(FrozenBitmap? frozen)
    {
        long lengthBytes = Disk.LengthBytes;
        var wanted = new BlockBitmap((lengthBytes + ClusterBytes - 1) / ClusterBytes);
        if (frozen is null || Command.Sync is not (BackupSync.Bitmap or BackupSync.None))
        {
            wanted.Set(0, wanted.LengthBits);
            return wanted;
        }

        BlockBitmap marks = frozen.Frozen;
        long granularityBytes = frozen.GranularityBytes;
        for (long bit = marks.NextSet(0, marks.LengthBits); bit < marks.LengthBits;)
        {
            long end = marks.NextClear(bit, marks.LengthBits);
            long first = bit * granularityBytes / ClusterBytes;
            wanted.Set(first, (Math.Min(end * granularityBytes, lengthBytes) + ClusterBytes - 1) / ClusterBytes - first);
            bit = marks.NextSet(end, marks.LengthBits);
        }

        return wanted;
    }

    private static JobException Refused(string message) => new(JobErrorClass.GenericError, message);
}
