using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>Draws <c>status</c> for people: a row for each node, then a row for each disk; and what only the two together tell.</summary>
internal static class StatusTable
{
    public static void Print(IAnsiConsole console, IReadOnlyList<NodeReport> reports)
    {
        Table nodes = new Table().AddColumns("node", "role", "stage", "generation", "epoch", "mirror", "error");
        Table disks = new Table().AddColumns("node", "disk", "length", "dirty", "active", "hidden");
        foreach (NodeReport report in reports)
        {
            if (report.Status is not { } status)
            {
                nodes.AddRow(Cells(report.Node.ToString(), "", "unreachable", "", "", "", report.Unreachable ?? ""));
                continue;
            }

            nodes.AddRow(Cells(
                report.Node.ToString(),
                WireNames.Of(status.Role),
                StageText(status),
                $"{status.Generation?.Number}",
                $"{status.Epoch}",
                $"{WireNames.Of(status.Mirror?.State ?? MirrorState.None)} {status.Mirror?.Transport}".Trim(),
                status.Error));
            foreach (DiskStatus d in status.Disks)
            {
                disks.AddRow(Cells(
                    report.Node.SideText, d.Name, SizeText.Format(d.LengthBytes), SizeText.Format(d.DirtyBytes), SizeText.Format(d.ActiveBytes),
                    SizeText.Format(d.HiddenBytes)));
            }
        }

        console.Write(nodes);
        if (disks.Rows.Count > 0)
            console.Write(disks);
        if (AreTwoHeads(reports))
        {
            console.MarkupLine(
                "[red]Two heads[/]: the primary goes on alone and the secondary has been promoted; each serves its guest. "
                + "docs/FAILURES.md says how to get out of it");
        }
    }

    /// <summary>Both rows look healthy, and their generations may have the same number: without a word nobody would see it.</summary>
    private static bool AreTwoHeads(IReadOnlyList<NodeReport> reports) =>
        reports is [{ Status: { } primary }, { Status: { } secondary }]
        && primary is { Role: NodeRole.Primary, Stage: NodeStage.Standalone or NodeStage.Detached }
        && secondary is { Role: NodeRole.Secondary, Stage: NodeStage.Failover or NodeStage.FailoverFailed or NodeStage.Done }
        && primary.Group == secondary.Group;

    private static string StageText(NodeStatus status) =>
        WireNames.Of(status.Stage)
        + (status.Incomplete ? ", incomplete" : "")
        + (status.Progress is { TotalBytes: > 0 } p ? $", {p.Activity} {100.0 * p.DoneBytes / p.TotalBytes:0} %" : "");

    // What a node says is data, not markup.
    private static Markup[] Cells(params string[] texts) => [.. texts.Select(t => new Markup(Markup.Escape(t)))];
}
