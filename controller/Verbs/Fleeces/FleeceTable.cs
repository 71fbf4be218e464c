using System.Globalization;
using Replication.Controller.CommandLine;
using Spectre.Console;

namespace Replication.Controller.Verbs.Fleeces;

/// <summary>Fleeces for people.</summary>
internal static class FleeceTable
{
    /// <param name="context">The verb's.</param>
    /// <param name="fleeces">What there is to show.</param>
    /// <param name="isWhole">False: a node did not answer, so that nobody knows of its own.</param>
    public static void Show(VerbContext context, IReadOnlyList<FleeceDocument> fleeces, bool isWhole = true) =>
        context.Output.Result(new FleecesDocument(fleeces), console =>
        {
            if (fleeces.Count > 0)
                Print(console, fleeces);
            else if (isWhole)
                console.MarkupLine("No fleeces");
        });

    private static void Print(IAnsiConsole console, IReadOnlyList<FleeceDocument> fleeces)
    {
        Table table = new Table().AddColumns("node", "fleece", "disk", "bitmap", "kept", "lease", "readers", "epoch", "address");
        foreach (FleeceDocument fleece in fleeces)
        {
            string[] cells =
            [
                fleece.Node, fleece.Name, fleece.Device, fleece.Bitmap ?? "", Kept(fleece), Lease(fleece), $"{fleece.Readers}", $"{fleece.Epoch}",
                fleece.Error ?? string.Join('\n', fleece.Addresses),
            ];
            table.AddRow([.. cells.Select(cell => new Markup(Markup.Escape(cell)))]);
        }

        console.Write(table);
    }

    private static string Kept(FleeceDocument fleece) =>
        fleece.QuotaBytes == 0 ? SizeText.Format(fleece.HeldBytes) : $"{SizeText.Format(fleece.HeldBytes)} of {SizeText.Format(fleece.QuotaBytes)}";

    private static string Lease(FleeceDocument fleece) => fleece.LeaseLeftMs is { } leftMs
        ? TimeSpan.FromSeconds(Math.Ceiling(leftMs / 1000.0)).ToString("c", CultureInfo.InvariantCulture)
        : "none";
}
