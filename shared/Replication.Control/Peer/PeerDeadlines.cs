namespace Replication.Control.Peer;

/// <summary>How long a call to the other node may take before that node counts as unreachable.</summary>
internal static class PeerDeadlines
{
    /// <summary>Questions, and verbs whose work does not depend on how much data there is: the contract's five seconds.</summary>
    public static readonly TimeSpan Answer = TimeSpan.FromSeconds(5);

    /// <summary>Calls that wait for the other node's disks: a flush, the requests of an old session, 64 MiB of digests. As long as a forwarded flush may take.</summary>
    public static readonly TimeSpan DiskWork = TimeSpan.FromSeconds(30);
}
