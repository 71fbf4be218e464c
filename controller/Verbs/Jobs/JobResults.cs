using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Spectre.Console;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>What became of jobs that a verb has waited for.</summary>
internal static class JobResults
{
    public const int Cancelled = 125; // ECANCELED

    /// <summary>Asks a node to start jobs; a user who interrupts that is told that they may have begun.</summary>
    public static async Task<T> StartAsync<T>(NodeClient node, Func<CallOptions, AsyncUnaryCall<T>> start, VerbContext context)
    {
        try
        {
            return await node.CallWatchedAsync(start, null, context.Cancellation);
        }
        catch (OperationCanceledException) when (context.Cancellation.IsCancellationRequested)
        {
            throw new CliException(ExitCode.Interrupted, "interrupted while it was asked for: coloctl job list tells whether it has begun");
        }
    }

    /// <summary>Waits for jobs that a verb has started; a user who interrupts it is told that they go on.</summary>
    public static async Task<IReadOnlyList<JobInfo>> WaitAsync(JobWatcher watcher, IReadOnlyList<JobInfo> jobs, VerbContext context)
    {
        try
        {
            return await watcher.WaitAsync(jobs, context);
        }
        catch (OperationCanceledException) when (context.Cancellation.IsCancellationRequested)
        {
            string names = string.Join(' ', jobs.Select(job => job.Id));
            throw new CliException(
                ExitCode.Interrupted,
                $"interrupted; {(jobs.Count == 1 ? $"job {names} goes" : $"jobs {names} go")} on: coloctl job wait {names} waits, coloctl job cancel ends");
        }
    }

    /// <summary>Prints them; fails where one of them has.</summary>
    public static ExitCode Print(VerbContext context, object document, NodeClient node, IReadOnlyList<JobInfo> jobs)
    {
        context.Output.Result(document, console =>
        {
            foreach (JobInfo job in jobs)
                Print(console, job);
        });
        foreach (JobInfo job in jobs.Where(job => job.Backup?.Warning is { Length: > 0 }))
            context.Output.Notice($"job {job.Id}: {job.Backup.Warning}");
        // A job that was taken along says less than the one that failed.
        JobInfo? failed = jobs.Where(job => job.Errno != 0).OrderBy(job => job.Errno == Cancelled).FirstOrDefault();
        return failed is null
            ? ExitCode.Done
            : throw new CliException(ExitCode.Failed, $"{node}: job {failed.Id} {(failed.Errno == Cancelled ? "was cancelled" : $"failed: {failed.Error}")}");
    }

    private static void Print(IAnsiConsole console, JobInfo job)
    {
        string what = job.Backup is { } backup
            ? $"{job.Id}: {WireNames.Kebab(backup.Sync.ToString())} backup of {backup.Device} at epoch {backup.Epoch} to {backup.Target}"
            : job.Id;
        string done = SizeText.Format(job.OffsetBytes);
        if (job.Status == JobStatus.Pending)
            console.MarkupLineInterpolated($"[yellow]Pending[/] {what}: {done}; coloctl job finalize {job.Id} makes it count");
        else if (job.Status == JobStatus.Ready)
            console.MarkupLineInterpolated($"[yellow]Ready[/] {what}: coloctl job complete {job.Id} ends it");
        else if (job.Status is not (JobStatus.Concluded or JobStatus.Null))
            console.MarkupLineInterpolated($"[green]Begun[/] {what}");
        else if (job.Errno == 0)
            console.MarkupLineInterpolated($"[green]Done[/] {what}: {done}");
        else
            console.MarkupLineInterpolated($"[red]{(job.Errno == Cancelled ? "Cancelled" : "Failed")}[/] {what}");
    }
}
