using Replication.Interop.Hosts;
using Replication.Interop.Links;

namespace Replication.Interop.Support;

/// <summary>What a test's pair is like.</summary>
internal sealed record PairOptions
{
    /// <summary>Lengths of the disks; both sides have the same ones.</summary>
    public IReadOnlyList<long> DiskLengthsBytes { get; init; } = [16 << 20];

    public string Acknowledge { get; init; } = "applied";

    /// <summary>Long by default: a busy machine is not what most tests are about.</summary>
    public string Deadline { get; init; } = "10s";

    /// <summary>Forwarded bytes that may be unanswered.</summary>
    public string Window { get; init; } = "64MiB";

    /// <summary>A pair that comes back by itself would be faster than most tests.</summary>
    public string Resync { get; init; } = "manual";

    public string WaitAtStart { get; init; } = "30s";

    public string Durability { get; init; } = "process";

    /// <summary>Most bytes of the overlay directory; null: the default.</summary>
    public string? OverlayLimit { get; init; }

    /// <summary>The secondary has a second overlay directory.</summary>
    public bool HasSpill { get; init; }

    /// <summary>Unix sockets instead of TCP.</summary>
    public bool Unix { get; init; }

    /// <summary>The wire from the primary to the secondary, for its mirror and its questions; the pair ends it. Needs TCP.</summary>
    public Link? Link { get; init; }

    /// <summary>Rules of the primary's fault nodes.</summary>
    public IReadOnlyList<string> PrimaryFaults { get; init; } = [];

    /// <summary>The hosts that the nodes run on, each in its namespace; the pair ends them. Guests and verbs come by Unix sockets.</summary>
    public TwoHosts? Hosts { get; init; }

    /// <summary>Rules of the secondary's fault nodes.</summary>
    public IReadOnlyList<string> SecondaryFaults { get; init; } = [];

    /// <summary>Fills a disk before either node starts; by default both sides have the same first content, which is not zero.</summary>
    public Action<int, string, string>? Fill { get; init; }
}
