using Replication.Block;
using Replication.Jobs;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Jobs.Fleecing;
using Replication.Roles;
using Replication.Roles.Jobs;
using Replication.Simulation.Cluster;
using Replication.Simulation.Jobs;
using Replication.Simulation.Network;

namespace Replication.Simulation.Workload;

/// <summary>
/// Somebody who makes backups: of either node's disks, alone and together, by bitmaps and without, and who interferes with them while they run.
/// </summary>
internal sealed partial class JobOperator(Pair pair, Random random, Action<string> tell)
{
    private int _asking;

    /// <summary>Nobody waits for an answer.</summary>
    public bool IsIdle => _asking == 0;

    /// <summary>One thing, of whatever makes sense on that host now.</summary>
    public void Act(SimulatedHost host)
    {
        if (host.Serving is null)
            return;
        switch (random.Next(12))
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
            case 6:
                OpenFleece(host);
                break;
            case < 9:
                UseFleece(host);
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

        IReadOnlyList<FleeceInfo> fleeces = node.Jobs.Fleeces.List();
        foreach (FleeceInfo left in fleeces)
            CloseFleece(host, left.Name, isDone: false);

        return jobs.Count + fleeces.Count == 0 && IsIdle && CheckerOf(host).IsIdle;
    }

    /// <summary>By each bitmap that records: what it marks, put over any of its bases, is the disk.</summary>
    public void RestoreByBitmaps(SimulatedHost host, int disk)
    {
        if (CheckerOf(host).Bitmaps.FirstOrDefault(bitmap => bitmap.Disk == disk && bitmap.Stopped is null) is { } bitmap)
        {
            BackupCommand command = Command(host, disk) with { Sync = BackupSync.Incremental, Bitmap = bitmap.Name };
            Transact(host, [DraftBackup(disk, command)], isGrouped: false, mustSucceed: true);
        }
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
            case < 2:
                return ("cancel", engine => engine.Cancel(job.Id));
            case 2:
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
}
