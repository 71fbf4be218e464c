namespace Replication.Block;

/// <summary>The named limits of this project's queues, pools and windows, each with its reason.</summary>
internal static class Limits
{
    /// <summary>
    /// Lock entries kept for reuse. The lock scans its entries one by one, which is the fastest way for the few hundred requests that all
    /// connections of a disk have in flight; beyond this many the surplus entries are left to the collector.
    /// </summary>
    public const int RangeLockPooledEntries = 512;

    /// <summary>Counters of a gate: enough that the connection threads of a busy VM rarely share a cache line, few enough to add up in a microsecond.</summary>
    public const int GateShards = 16;

    /// <summary>Words in a leaf of a bitmap: 4 KiB, which marks 128 MiB of disk at 4 KiB blocks.</summary>
    public const int BitmapLeafWords = 512;
}
