using Replication.Controller.CommandLine;
using Spectre.Console;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>Jobs for people.</summary>
internal static class JobTable
{
    public static void Print(IAnsiConsole console, IReadOnlyList<JobDocument> jobs)
    {
        if (jobs.Count == 0)
        {
            console.MarkupLine("No jobs");
            return;
        }

        Table table = new Table().AddColumns("node", "job", "type", "status", "done", "speed", "disk", "target", "sync", "epoch", "error");
        foreach (JobDocument job in jobs)
        {
            string[] cells =
            [
                job.Node, job.Id, job.Type, Status(job), Done(job), Speed(job.SpeedBytesPerSecond), job.Device ?? "",
                job.Target ?? "", job.Sync ?? "", $"{job.Epoch}", job.Error ?? "",
            ];
            table.AddRow([.. cells.Select(cell => new Markup(Markup.Escape(cell)))]);
        }

        console.Write(table);
    }

    private static string Status(JobDocument job) => job.Paused && job.Status == "running" ? "running (to pause)" : job.Status;

    private static string Done(JobDocument job) => $"{SizeText.Format(job.OffsetBytes)} of {SizeText.Format(job.LengthBytes)}";

    private static string Speed(long bytesPerSecond) => bytesPerSecond == 0 ? "unlimited" : $"{SizeText.Format(bytesPerSecond)}/s";
}
