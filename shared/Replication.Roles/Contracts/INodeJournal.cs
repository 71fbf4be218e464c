using System.Globalization;

namespace Replication.Roles;

/// <summary>Event types of the numbered stream; the names are the contract's.</summary>
public static class EventTypes
{
    public const string Started = "started";
    public const string Stopped = "stopped";
    public const string Checkpoint = "checkpoint";
    public const string CheckpointAborted = "checkpoint-aborted";
    public const string MirrorAttached = "mirror-attached";
    public const string MirrorDetached = "mirror-detached";
    public const string ResyncStarted = "resync-started";
    public const string ResyncCompleted = "resync-completed";
    public const string FailoverStarted = "failover-started";
    public const string FailoverCompleted = "failover-completed";
    public const string FailoverFailed = "failover-failed";
    public const string Fenced = "fenced";
    public const string SplitBrain = "split-brain";
    public const string OverlaySoftLimit = "overlay-soft-limit";
    public const string OverlayHardLimit = "overlay-hard-limit";
    public const string Error = "error";
    public const string RoleChanged = "role-changed";
    public const string JobStatusChange = "job-status-change";
    public const string JobReady = "job-ready";
    public const string JobPending = "job-pending";
    public const string JobCompleted = "job-completed";
    public const string JobCancelled = "job-cancelled";
    public const string JobError = "job-error";
    public const string FleeceOpened = "fleece-opened";
    public const string FleeceHighWater = "fleece-high-water";
    public const string FleeceBroken = "fleece-broken";
    public const string FleeceClosed = "fleece-closed";
    public const string EventsLost = "events-lost";
}

/// <summary>The seven failure cases. Values are the contract's.</summary>
public enum FailureCase
{
    PrimaryDisk = 1,
    Forwarding = 2,
    UndoCopy = 3,
    SecondaryDisk = 4,
    ActiveDisk = 5,
    EmptyOverlay = 6,
    Commit = 7,
}

/// <summary>One failure, before the journal has numbered it.</summary>
public sealed record FailureReport(FailureCase Case, string Disk, long OffsetBytes, long LengthBytes, int Errno, ulong Epoch, string Message)
{
    /// <summary>What has become of it, where nothing is left to mend; null: it is open.</summary>
    public string? Settled { get; init; }

    /// <summary>The message, and what has become of it.</summary>
    public string Text => TextOf(1);

    /// <summary>The two disks differ though nothing has failed: what a verify finds. Whatever fails has an error number.</summary>
    public bool IsDifference => Case == FailureCase.SecondaryDisk && Errno == 0;

    /// <summary>The same of a failure that has come several times: the number belongs to the failure, not to what has become of it.</summary>
    public string TextOf(long count) =>
        Message + (count > 1 ? string.Create(CultureInfo.InvariantCulture, $" ({count} times)") : "") + (Settled is null ? "" : $"; {Settled}");
}

/// <summary>
/// Where a node's roles write what happened: the event stream and the errors that stay until acknowledged. Thread-safe; never blocks on a reader.
/// </summary>
public interface INodeJournal
{
    /// <summary>Appends an event; field values are strings, integers or booleans.</summary>
    void Publish(string type, params ReadOnlySpan<(string Name, object Value)> fields);

    /// <summary>Records an error (and its "error" event). Repetitions of one case on one disk within an epoch are counted, not listed again.</summary>
    void Report(FailureReport failure);

    /// <summary>Nothing is left of a disk's differences: those that are listed stay until they are acknowledged, but say what has become of them.</summary>
    void SettleDifferences(string disk, string settled);

    /// <summary>
    /// Text of the oldest error that is neither acknowledged nor settled, else of the oldest that is not acknowledged; null where there is none.
    /// </summary>
    string? OldestError { get; }
}
