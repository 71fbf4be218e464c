using Colo.Protocol.V1;

namespace Replication.Protos;

/// <summary>The range of protocol versions that this build speaks, and whether another's meets it.</summary>
public static class ProtocolRange
{
    public const uint Minimum = 1;
    public const uint Maximum = 1;

    /// <summary>What goes into every first request and its response.</summary>
    public static ProtocolVersions Ours => new() { Minimum = Minimum, Maximum = Maximum };

    /// <summary>One line that names both ranges where they share no version; null where they do. Who names no range speaks version 1, the first.</summary>
    public static string? Refuse(ProtocolVersions? theirs)
    {
        (uint minimum, uint maximum) = theirs is null ? (1, 1) : (theirs.Minimum, theirs.Maximum);
        return minimum <= Maximum && maximum >= Minimum && minimum <= maximum
            ? null
            : $"no common protocol version: this node speaks {Minimum} to {Maximum}, the other side {minimum} to {maximum}";
    }
}
