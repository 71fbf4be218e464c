using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

/// <summary>What the client's handshake has found out and agreed on.</summary>
internal sealed record ClientSession
{
    public long LengthBytes { get; set; }
    public TransmissionFlags Flags { get; set; }
    public bool Structured { get; set; }

    /// <summary>Id of base:allocation; null: block status may not be asked for.</summary>
    public uint? BaseAllocationId { get; set; }
    public uint MinimumBlockBytes { get; set; } = 1;
    public uint PreferredBlockBytes { get; set; } = Limits.PreferredBlockBytes;
    public uint MaximumBlockBytes { get; set; } = Limits.MaxPayloadBytes;

    /// <summary>
    /// NBD's trim promises nothing about the content, ours zeroes: so discard is write-zeroes that may unmap, which <see cref="BlockNode"/> makes of it.
    /// </summary>
    public NodeCapabilities Capabilities => new(
        Has(TransmissionFlags.Fua) ? Capability.Native : Capability.Emulated,
        Has(TransmissionFlags.WriteZeroes) ? Capability.Native : Capability.Emulated,
        Capability.Emulated,
        BaseAllocationId is not null ? Capability.Native : Capability.Emulated);

    public bool Has(TransmissionFlags flag) => (Flags & flag) != 0;
}
