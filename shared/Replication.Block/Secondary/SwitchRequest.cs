using Replication.Block.State;

namespace Replication.Block.Secondary;

/// <summary>A change of epoch or stage of the whole group.</summary>
public sealed record SwitchRequest
{
    /// <summary>The record to write, from the one in force; its overlay set is filled in.</summary>
    public required Func<EpochRecord, EpochRecord> Next { get; init; }

    /// <summary>True: a new epoch begins with empty overlays. False: none from here on (a final stop, a view given up).</summary>
    public bool WithOverlays { get; init; } = true;

    /// <summary>What the disk may lack does not matter: nothing is shown from here on, whether there was a view or not.</summary>
    public bool AbandonsView { get; init; }

    /// <summary>
    /// What the mirror has written is flushed before the gate is closed, so that little is left to flush under it (<c>Durability: power</c>). False where the
    /// primary has done that already, since it waits with its guest held.
    /// </summary>
    public bool FlushesAhead { get; init; } = true;

    /// <summary>The one switch that is made while a commit runs: its end.</summary>
    internal bool EndsCommit { get; init; }

    /// <summary>How long to wait for requests that are under way.</summary>
    public required TimeSpan Deadline { get; init; }

    /// <summary>Asked before the gate is closed, and again under the closed gate: null to go on, otherwise why not.</summary>
    public Func<string?>? Precondition { get; init; }
}

/// <summary>How a switch ended.</summary>
public enum SwitchOutcome
{
    /// <summary>On every disk.</summary>
    Switched,

    /// <summary>On none: the precondition did not hold.</summary>
    Refused,

    /// <summary>On none: requests under way did not end within the deadline.</summary>
    TimedOut,

    /// <summary>On none: overlays or record could not be written.</summary>
    Failed,
}

/// <param name="Outcome">Whether it took effect on every disk or on none.</param>
/// <param name="Record">The record in force.</param>
/// <param name="Reason">Why not; empty where it did.</param>
/// <param name="Error">What failed.</param>
public sealed record SwitchResult(SwitchOutcome Outcome, EpochRecord Record, string Reason = "", Exception? Error = null)
{
    public bool Switched => Outcome == SwitchOutcome.Switched;
}
