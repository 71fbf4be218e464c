using System.Globalization;
using Replication.Controller.CommandLine;
using Spectre.Console;

namespace Replication.Controller.Drill.Report;

/// <summary>Draws the report for people.</summary>
internal static class DrillTable
{
    public static void Print(IAnsiConsole console, DrillReport report)
    {
        Table phases = new Table().AddColumns("phase", "ms", "result", "what was seen");
        foreach (DrillReport.Phase p in report.Phases)
        {
            string name = report.Scenario == "all" ? $"{p.Scenario}: {p.Name}" : p.Name;
            string color = p.Result == DrillReport.Passed ? "green" : "red";
            phases.AddRow(new Markup(Markup.Escape(name)), new Text(Number(p.ElapsedMs, "0")), new Markup($"[{color}]{p.Result}[/]"), new Text(p.Detail));
        }

        console.Write(phases);
        Table figures = new Table().AddColumns("figure", "value");
        figures.AddRow("RTO (primary lost to first served write)", report.RtoMs is { } rto ? Number(rto, "0.0") + " ms" : "-");
        figures.AddRow("RPO (bytes that differ)", report.RpoBytes is { } rpo ? Number(rpo, "0") : "-");
        if (report.LongestWriteMs is { } longest)
            figures.AddRow("longest write in an outage", Number(longest, "0.0") + " ms");
        if (report.SyncedBytes is { } synced)
            figures.AddRow("travelled by resync", SizeText.Format(synced));
        figures.AddRow("checkpoints taken / failed", $"{report.Checkpoints.Taken} / {report.Checkpoints.Failed}");
        figures.AddRow(
            "pause p50 / p99 / max", $"{Ms(report.Checkpoints.HoldP50Ms)} / {Ms(report.Checkpoints.HoldP99Ms)} / {Ms(report.Checkpoints.HoldMaxMs)}");
        figures.AddRow("of which drain / commit, p99", $"{Ms(report.Checkpoints.DrainP99Ms)} / {Ms(report.Checkpoints.CommitP99Ms)}");
        foreach (DrillReport.GuestWork guest in report.Guests)
            figures.AddRow($"{guest.Node} guest", $"{guest.Requests} requests, {SizeText.Format(guest.WrittenBytes)} written");
        figures.AddRow("seed", report.Seed.ToString(CultureInfo.InvariantCulture));
        console.Write(figures);

        if (report.Failure is { } failure)
            console.MarkupLineInterpolated($"[red]FAILED[/]: {failure}");
        else
            console.MarkupLineInterpolated($"[green]PASSED[/]: {report.Scenario} in {report.ElapsedMs / 1000:0.0} s");
        if (report.Directory is { } directory)
            console.MarkupLineInterpolated($"Everything is kept in {directory}");
    }

    private static string Ms(double? ms) => ms is { } value ? Number(value, "0.00") + " ms" : "-";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
