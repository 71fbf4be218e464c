using System.Globalization;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Model;

/// <summary>
/// A checkpoint is one instant. No request that came after it can have been acknowledged before one that came before it was sent: such a pair proves that the
/// disks, or parts of them, were cut at different moments.
/// </summary>
internal static class CutOrder
{
    /// <param name="cuts">What was in flight with the checkpoint.</param>
    /// <param name="guest">Whose requests to look at.</param>
    /// <param name="beforeTheCut">A request that the view holds came before the cut.</param>
    public static string? Check(IReadOnlyCollection<EitherOr> cuts, NodeSide guest, bool beforeTheCut)
    {
        // Request.Acknowledged of one that never was is "never", and so contradicts nothing.
        GuestRequest? last = cuts.Where(c => c.Request.Guest == guest && c.IsIn == beforeTheCut).Select(c => c.Request).MaxBy(r => r.Sent);
        GuestRequest? first = cuts.Where(c => c.Request.Guest == guest && c.IsIn == !beforeTheCut).Select(c => c.Request).MinBy(r => r.Acknowledged);
        if (last is null || first is null || last.Sent < first.Acknowledged)
            return null;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"the checkpoint is no single instant: the {(guest == NodeSide.Primary ? "primary" : "secondary")} guest's {first.Kind} on disk{first.Disk} at "
            + $"{first.Range} was acknowledged before its {last.Kind} on disk{last.Disk} at {last.Range} was sent, but "
            + $"only the second came before the checkpoint");
    }
}
