using Replication.Block;
using Replication.Jobs;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Roles;
using Replication.Roles.Jobs;
using Replication.Simulation.Cluster;
using Replication.Simulation.Jobs;
using Replication.Simulation.Network;

namespace Replication.Simulation.Workload;

/// <summary>Somebody who makes backups: of either node's disks, alone and together, by bitmaps and without, and who interferes with them while they run.</summary>
internal sealed class JobOperator(Pair pair, Random random, Action<string> tell)
{
    private const int MostNames = 3;
    private const int HoldStillMs = 800;

    private int _lastJob;
    private int _asking;

    /// <summary>Nobody waits for an answer.</summary>
    public bool IsIdle => _asking == 0;

    /// <summary>One thing, of whatever makes sense on that host now.</summary>
    public void Act(SimulatedHost host)
    {
        if (host.Serving is null)
            return;
        switch (random.Next(10))
        {
            case < 2:
                Transact(host, [DrawBackup(host, random.Next(host.Disks.Length))], isGrouped: false);
                break;
            case < 5:
                TransactMany(host);
                break;
            case 5:
                Transact(host, DrawBitmapAction(host, random.Next(host.Disks.Length)) is { } action ? [new Draft(action)] : [], isGrouped: false);
                break;
            default:
                Interfere(host);
                break;
        }
    }

    /// <summary>What stands in the way of a job's end is taken out of it. True: there is none any more.</summary>
    public bool WindDown(SimulatedHost host)
    {
        if (host.Serving is not { } node)
            return true;
        IReadOnlyList<JobInfo> jobs = node.Jobs.Engine.Query();
        foreach (JobInfo job in jobs)
        {
            Action<JobEngine>? verb = job switch
            {
                { Status: JobStatus.Concluded } => engine => engine.Dismiss(job.Id),
                { Status: JobStatus.Pending, AutoFinalize: false } => engine => engine.Finalize(job.Id),
                { IsPaused: true } => engine => engine.Resume(job.Id),
                { SpeedBytesPerSecond: > 0, Status: JobStatus.Running } => engine => engine.SetSpeed(job.Id, 0),
                { Status: JobStatus.Running } when CheckerOf(host).Backups.Any(backup => backup.Id == job.Id && backup.Command.Sync == BackupSync.None) =>
                    engine => engine.Cancel(job.Id),
                _ => null,
            };
            if (verb is not null)
                Ask(host, $"{job.Id} ({job.Status}) is to end", jobs => Do(() => verb(jobs.Engine)), _ => { });
        }

        return jobs.Count == 0 && IsIdle && CheckerOf(host).IsIdle;
    }

    /// <summary>By each bitmap that records: what it marks, put over any of its bases, is the disk.</summary>
    public void RestoreByBitmaps(SimulatedHost host, int disk)
    {
        if (CheckerOf(host).Bitmaps.FirstOrDefault(bitmap => bitmap.Disk == disk && bitmap.Stopped is null) is { } bitmap)
            Transact(host, [DraftBackup(disk, Command(disk) with { Sync = BackupSync.Incremental, Bitmap = bitmap.Name })], isGrouped: false, mustSucceed: true);
    }

    /// <summary>A target of this host fails or hangs; false: none is in use.</summary>
    public bool HarmTarget(SimulatedHost host, Action<long> mendAfter)
    {
        if (host.Targets.Open is not { Count: > 0 } open || pair.IsFaulty)
            return false;
        if (random.Next(2) == 0)
        {
            TargetFile file = open[random.Next(open.Count)];
            pair.NoteFault($"target {file.Name} of the {host.Name} hangs");
            host.Targets.Hang(file);
        }
        else
        {
            int errno = random.Next(2) == 0 ? Errno.EIO : Errno.ENOSPC;
            int count = random.Next(2) == 0 ? random.Next(2, 20) : 1;
            BlockOperation[] operations = random.Next(3) == 0 ? [BlockOperation.Flush] : [BlockOperation.Write, BlockOperation.WriteZeroes];
            pair.NoteFault($"{count} requests to the {host.Name}'s targets are going to fail with errno {errno}");
            host.Targets.Fail(errno, random.Next(4), count, operations);
        }

        mendAfter(random.NextInt64(TimeSpan.FromMilliseconds(random.Next(2) == 0 ? 300 : 3000).Ticks));
        return true;
    }

    private JobChecker CheckerOf(SimulatedHost host) => host == pair.Primary ? pair.PrimaryJobs : pair.SecondaryJobs;

    private void TransactMany(SimulatedHost host)
    {
        var drafts = new List<Draft>();
        foreach (int disk in Enumerable.Range(0, host.Disks.Length).OrderBy(_ => random.Next()))
        {
            for (int actions = random.Next(3); actions > 0; actions--)
            {
                if (DrawBitmapAction(host, disk) is { } action)
                    drafts.Add(new Draft(action));
            }

            if (random.Next(4) != 0)
                drafts.Insert(random.Next(2) == 0 ? 0 : drafts.Count, DrawBackup(host, disk));
        }

        if (random.Next(15) == 0)
            drafts.Add(new Draft(new TransactionAction.Abort()));
        Transact(host, drafts, isGrouped: random.Next(3) != 0);
    }

    private void Transact(SimulatedHost host, IReadOnlyList<Draft> drafts, bool isGrouped, bool mustSucceed = false)
    {
        JobChecker checker = CheckerOf(host);
        if (checker.IsAsked || drafts.Count == 0)
            return;
        var transaction = new BackupTransaction([.. drafts.Select(draft => draft.Action)], isGrouped);
        foreach (Draft draft in drafts.Where(draft => draft.Action is TransactionAction.Backup))
        {
            BackupCommand command = ((TransactionAction.Backup)draft.Action).Command;
            TargetFile target = host.Targets.Make(command.Target, pair.Settings.DiskBytes[draft.Disk]);
            if (command.Mode == TargetMode.Existing)
                target.Medium.Write(0, [.. Enumerable.Repeat((byte)0x5A, (int)target.Medium.LengthBytes)]);
            transaction.Backups.Add(new BackupRecord { Disk = draft.Disk, Command = command, Target = target, Transaction = transaction });
        }

        IDisposable holding = pair.Holding(TimeSpan.FromMilliseconds(HoldStillMs));
        checker.Ask(transaction);
        string what = string.Join("; ", transaction.Actions.Select(Describe));
        Ask(
            host, $"{(isGrouped ? "grouped: " : "")}{what}",
            async jobs =>
            {
                string? refusal = await TryAsync(() => jobs.Commands.TransactAsync(transaction.Actions, isGrouped, default));
                checker.Answered(transaction, refusal);
                if (mustSucceed && refusal is not null)
                    pair.Fail($"a backup by a bitmap is refused with nothing in its way: {refusal}");
                return refusal;
            },
            _ => holding.Dispose());
    }

    private void Interfere(SimulatedHost host)
    {
        IReadOnlyList<JobInfo> jobs = host.Serving!.Jobs.Engine.Query();
        if (jobs.Count == 0)
            return;
        JobInfo job = jobs[random.Next(jobs.Count)];
        (string what, Action<JobEngine> verb) = job.Status switch
        {
            JobStatus.Concluded => ("dismiss", engine => engine.Dismiss(job.Id)),
            JobStatus.Pending when random.Next(3) != 0 => ("finalize", engine => engine.Finalize(job.Id)),
            _ => DrawVerb(job),
        };
        Ask(host, $"{what} {job.Id} ({job.Status})", jobs => Do(() => verb(jobs.Engine)), _ => { });
    }

    private (string What, Action<JobEngine> Verb) DrawVerb(JobInfo job)
    {
        switch (random.Next(8))
        {
            case 0:
                return ("cancel", engine => engine.Cancel(job.Id));
            case 1:
                return ("pause", engine => engine.Pause(job.Id));
            case < 4:
                return ("resume", engine => engine.Resume(job.Id));
            case 4:
                return ("complete", engine => engine.Complete(job.Id));
            default:
                long speed = random.Next(3) == 0 ? random.Next(1, 200) << 10 : 0;
                return ($"speed {speed} of", engine => engine.SetSpeed(job.Id, speed));
        }
    }

    private Draft DrawBackup(SimulatedHost host, int disk)
    {
        BackupCommand command = Command(disk) with
        {
            Mode = random.Next(2) == 0 ? TargetMode.Existing : TargetMode.AbsolutePaths,
            SpeedBytesPerSecond = random.Next(3) == 0 ? random.Next(4, 400) << 10 : 0,
            OnSourceError = (ErrorPolicy)random.Next(5),
            OnTargetError = (ErrorPolicy)random.Next(5),
            OnCbwError = random.Next(2) == 0 ? OnCbwError.BreakSnapshot : OnCbwError.BreakGuestWrite,
            CbwTimeout = random.Next(2) == 0 ? TimeSpan.FromMilliseconds(random.Next(50, 400)) : TimeSpan.Zero,
            AutoFinalize = random.Next(4) != 0,
            AutoDismiss = random.Next(4) != 0,
            MaxWorkers = random.Next(2) == 0 ? 64 : random.Next(1, 4),
            MaxChunkBytes = random.Next(2) == 0 ? 0 : pair.Settings.ClusterBytes * random.Next(1, 4),
        };
        BitmapModel[] bitmaps = [.. CheckerOf(host).Bitmaps.Where(bitmap => bitmap.Disk == disk)];
        BitmapModel? bitmap = bitmaps.Length == 0 || random.Next(3) == 0 ? null : bitmaps[random.Next(bitmaps.Length)];
        BitmapMode[] modes = [BitmapMode.OnSuccess, BitmapMode.Never, BitmapMode.Always];
        return DraftBackup(disk, (bitmap, random.Next(4)) switch
        {
            (null, 0) => command with { Sync = BackupSync.None },
            (null, 1) => command with { Sync = BackupSync.Top },
            (null, _) => command,
            (_, 0) => command with { Bitmap = bitmap.Name, BitmapMode = random.Next(2) == 0 ? BitmapMode.OnSuccess : BitmapMode.Always },
            (_, 1) => command with { Sync = BackupSync.Bitmap, Bitmap = bitmap.Name, BitmapMode = modes[random.Next(modes.Length)] },
            _ => command with { Sync = BackupSync.Incremental, Bitmap = bitmap.Name },
        });
    }

    private BackupCommand Command(int disk)
    {
        int number = ++_lastJob;
        return new BackupCommand { Device = $"disk{disk}", Target = $"target{number}", JobId = $"job{number}", Sync = BackupSync.Full };
    }

    private static Draft DraftBackup(int disk, BackupCommand command) => new(new TransactionAction.Backup(command), disk);

    private TransactionAction? DrawBitmapAction(SimulatedHost host, int disk)
    {
        string device = $"disk{disk}";
        string name = $"b{random.Next(MostNames)}";
        JobChecker checker = CheckerOf(host);
        if (checker.Find(disk, name) is null)
        {
            // One of that name that was lost from sight has to go first.
            long? granularity = random.Next(4) == 0 ? null : 512 << random.Next(4);
            return new TransactionAction.BitmapAdd(device, name, granularity, IsPersistent: true, IsDisabled: random.Next(8) == 0);
        }

        string other = $"b{random.Next(MostNames)}";
        return random.Next(7) switch
        {
            0 => new TransactionAction.BitmapRemove(device, name),
            1 => new TransactionAction.BitmapClear(device, name),
            2 => new TransactionAction.BitmapDisable(device, name),
            < 5 => new TransactionAction.BitmapEnable(device, name),
            _ when checker.Find(disk, other) is not null => new TransactionAction.BitmapMerge(device, name, [(device, other)]),
            _ => null,
        };
    }

    private void Ask(SimulatedHost host, string what, Func<NodeJobs, Task<string?>> call, Action<string?> done)
    {
        tell($"operator of the {host.Name}: {what}");
        _asking++;
        pair.World.Run(
            async () =>
            {
                string? refusal;
                try
                {
                    refusal = await RemoteCall.InvokeAsync(
                        pair.World, host, (pair.Management, pair.Management), node => call(node.Jobs), TimeSpan.FromSeconds(90), default);
                }
                catch (VerbException e) when (e.Failure == VerbFailure.Unreachable)
                {
                    refusal = e.Message;
                }

                _asking--;
                tell($"operator of the {host.Name}: {what}: {refusal ?? "done"}");
                done(refusal);
            },
            e => pair.Fail($"{what}: {e}"));
    }

    private static Task<string?> Do(Action verb) => TryAsync(() =>
    {
        verb();
        return Task.CompletedTask;
    });

    private static async Task<string?> TryAsync(Func<Task> command)
    {
        try
        {
            await command();
            return null;
        }
        catch (JobException e)
        {
            return e.Message;
        }
    }

    private static string Describe(TransactionAction action) => action is TransactionAction.Backup { Command: { } command }
        ? $"backup {command.JobId} of {command.Device} (sync {command.Sync}, bitmap {command.Bitmap ?? "none"} {command.BitmapMode}, {command.OnCbwError} "
            + $"{command.CbwTimeout.TotalMilliseconds} ms, finalize {command.AutoFinalize})"
        : action is TransactionAction.BitmapMerge merge ? $"merge {merge.Sources[0].Name} into {merge.Name} of {merge.Device}" : $"{action}";

    private sealed record Draft(TransactionAction Action, int Disk = 0);
}
