using Colo.Protocol.V1;
using Replication.Protos;

namespace Replication.Control.Services;

/// <summary>Refuses who shares no protocol version with this build.</summary>
internal static class Versions
{
    /// <exception cref="MalformedFieldException">Names both ranges.</exception>
    public static void Check(ProtocolVersions? theirs)
    {
        if (ProtocolRange.Refuse(theirs) is { } refusal)
            throw new MalformedFieldException(refusal);
    }
}
