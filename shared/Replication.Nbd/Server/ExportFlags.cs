using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>What an export offers, as transmission flags: the one place that derives them, and what requests are checked against.</summary>
internal static class ExportFlags
{
    public static TransmissionFlags Of(NbdExport export, bool structured)
    {
        TransmissionFlags flags = TransmissionFlags.HasFlags | TransmissionFlags.Flush;
        NodeCapabilities can = export.Node.Capabilities;
        if (export.ReadOnly)
            flags |= TransmissionFlags.ReadOnly;
        if (can.Fua != Capability.None)
            flags |= TransmissionFlags.Fua;
        if (can.Discard != Capability.None && (!export.ReadOnly || export.TakesTrim))
            flags |= TransmissionFlags.Trim;
        if (can.WriteZeroes != Capability.None && !export.ReadOnly)
            flags |= TransmissionFlags.WriteZeroes;
        if (structured)
            flags |= TransmissionFlags.Df;
        if (export.MultiConn)
            flags |= TransmissionFlags.MultiConn;
        return flags;
    }
}
