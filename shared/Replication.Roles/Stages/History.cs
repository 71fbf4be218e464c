using Replication.Block.State;

namespace Replication.Roles;

/// <summary>How the histories of two nodes relate.</summary>
internal enum HistoryRelation
{
    /// <summary>One of them has no history yet.</summary>
    Unknown,

    /// <summary>The same generation is in force.</summary>
    Same,

    /// <summary>The other's generation in force is an ancestor of ours.</summary>
    OursNewer,

    /// <summary>Ours is an ancestor of the other's: we have been superseded.</summary>
    TheirsNewer,

    /// <summary>Both have gone on from a common ancestor, or never had one: two heads.</summary>
    Diverged,
}

/// <summary>Compares histories by the generations' random ids, never by number (invariant Fence).</summary>
internal static class History
{
    public static HistoryRelation Compare(IReadOnlyList<Generation> ours, IReadOnlyList<Generation> theirs)
    {
        if (ours.Count == 0 || theirs.Count == 0)
            return HistoryRelation.Unknown;
        if (ours[^1].Id == theirs[^1].Id)
            return HistoryRelation.Same;
        if (ours.Any(g => g.Id == theirs[^1].Id))
            return HistoryRelation.OursNewer;
        return theirs.Any(g => g.Id == ours[^1].Id) ? HistoryRelation.TheirsNewer : HistoryRelation.Diverged;
    }
}
