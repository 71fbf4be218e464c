using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

/// <summary>What the client's handshake has found out and agreed on.</summary>
internal sealed record ClientSession
{
    public long LengthBytes { get; set; }
    public TransmissionFlags Flags { get; set; }
    public bool Structured { get; set; }

    /// <summary>The contexts that the server has agreed to tell, with their ids; without one block status may not be asked for.</summary>
    public Dictionary<string, uint> Contexts { get; } = [];

    public uint MinimumBlockBytes { get; set; } = 1;
    public uint PreferredBlockBytes { get; set; } = Limits.PreferredBlockBytes;
    public uint MaximumBlockBytes { get; set; } = Limits.MaxPayloadBytes;

    /// <summary>
    /// NBD's trim promises nothing about the content, ours zeroes: so discard is write-zeroes that may unmap, which <see cref="BlockNode"/> makes of it. To an
    /// export that takes nothing else it says that we do not need the range any more: there it is a trim.
    /// </summary>
    public NodeCapabilities Capabilities => new(
        Has(TransmissionFlags.Fua) ? Capability.Native : Capability.Emulated,
        Has(TransmissionFlags.WriteZeroes) ? Capability.Native : Capability.Emulated,
        TakesTrimOnly ? Capability.Native : Capability.Emulated,
        Contexts.ContainsKey(NbdContextNames.BaseAllocation) ? Capability.Native : Capability.Emulated);

    public bool TakesTrimOnly => Has(TransmissionFlags.ReadOnly) && Has(TransmissionFlags.Trim);

    public bool Has(TransmissionFlags flag) => (Flags & flag) != 0;
}
