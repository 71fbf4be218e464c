using Replication.Controller.CommandLine;
using Spectre.Console;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>Dirty bitmaps for people.</summary>
internal static class BitmapTable
{
    public static void Print(IAnsiConsole console, IReadOnlyList<BitmapDocument> bitmaps)
    {
        if (bitmaps.Count == 0)
        {
            console.MarkupLine("No bitmaps");
            return;
        }

        Table table = new Table().AddColumns("node", "disk", "bitmap", "marked", "granularity", "state", "kept");
        foreach (BitmapDocument bitmap in bitmaps)
        {
            string[] cells =
            [
                bitmap.Node, bitmap.Device, bitmap.Name, SizeText.Format(bitmap.CountBytes), SizeText.Format(bitmap.GranularityBytes), State(bitmap),
                bitmap.Persistent ? "yes" : "until the node ends",
            ];
            table.AddRow([.. cells.Select(cell => new Markup(Markup.Escape(cell)))]);
        }

        console.Write(table);
    }

    private static string State(BitmapDocument bitmap) => bitmap switch
    {
        { Inconsistent: true } => "inconsistent",
        { Busy: true } => "busy",
        { Recording: true } => "recording",
        _ => "disabled",
    };
}
