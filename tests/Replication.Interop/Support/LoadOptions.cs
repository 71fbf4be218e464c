namespace Replication.Interop.Support;

/// <summary>What a guest's load is like.</summary>
internal sealed record LoadOptions
{
    /// <summary>Requests in flight.</summary>
    public int Depth { get; init; } = 32;

    public int RequestBytes { get; init; } = 4096;

    /// <summary>The part of the disk, from its beginning, that is written to; 0 for all of it.</summary>
    public long ReachBytes { get; init; }

    /// <summary>Each writer has a part of its own: no two requests in flight overlap.</summary>
    public bool Disjoint { get; init; }

    /// <summary>Places are multiples of this.</summary>
    public int AlignmentBytes { get; init; } = 512;

    /// <summary>Each writer rests between two requests: a guest that is there, and leaves the machine to others.</summary>
    public TimeSpan Pause { get; init; }

    /// <summary>Each writer flushes after so many writes; 0 for never.</summary>
    public int FlushEvery { get; init; }
}
