using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>What a handshake has agreed on.</summary>
/// <param name="Export">The export, to which the connection is attached.</param>
/// <param name="Structured">Reads are answered with structured replies.</param>
/// <param name="Contexts">What block status tells; it may not be asked for where this is empty.</param>
internal sealed record Session(NbdExport Export, bool Structured, IReadOnlyList<SessionContext> Contexts)
{
    public TransmissionFlags Flags { get; } = ExportFlags.Of(Export, Structured);
}
