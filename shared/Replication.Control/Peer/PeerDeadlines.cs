namespace Replication.Control.Peer;

/// <summary>How long a call to the other node may take before that node counts as unreachable.</summary>
internal static class PeerDeadlines
{
    /// <summary>Questions, and verbs whose work does not depend on how much data there is: the contract's five seconds.</summary>
    public static readonly TimeSpan Answer = TimeSpan.FromSeconds(5);

    /// <summary>Calls that wait for requests that the other node's disks are busy with: those of an old session, 64 MiB to read for digests.</summary>
    public static readonly TimeSpan DiskWork = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A flush after a sync: as much as the other node's page cache holds. One that is frozen meanwhile is noticed by its connection's pings.
    /// </summary>
    public static readonly TimeSpan Flush = TimeSpan.FromMinutes(10);
}
