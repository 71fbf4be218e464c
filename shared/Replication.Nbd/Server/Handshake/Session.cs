using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>What a handshake has agreed on.</summary>
/// <param name="Export">The export, to which the connection is attached.</param>
/// <param name="Structured">Reads are answered with structured replies.</param>
/// <param name="HasBaseAllocation">Block status may be asked for.</param>
internal sealed record Session(NbdExport Export, bool Structured, bool HasBaseAllocation)
{
    /// <summary>The id that base:allocation has in every session: there is no other context.</summary>
    public const uint BaseAllocationId = 1;

    public TransmissionFlags Flags { get; } = ExportFlags.Of(Export, Structured);
}
