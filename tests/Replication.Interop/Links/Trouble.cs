namespace Replication.Interop.Links;

/// <summary>What may happen to a secondary, or between it and its primary.</summary>
public enum Trouble
{
    /// <summary>Its process is stopped.</summary>
    Frozen,

    /// <summary>Its disk answers no write any more.</summary>
    DiskHangs,

    /// <summary>Nothing arrives, either way.</summary>
    Stalled,

    /// <summary>What the primary sends does not arrive.</summary>
    RequestsStalled,

    /// <summary>What the secondary answers does not arrive.</summary>
    RepliesStalled,

    /// <summary>The secondary sees the end of the primary's stream, the primary sees nothing.</summary>
    RequestsEnd,

    /// <summary>The primary sees the end of the secondary's stream.</summary>
    RepliesEnd,

    /// <summary>Every connection is reset and none comes about any more.</summary>
    Cut,

    /// <summary>Silence first, the reset when the deadline is nearly over.</summary>
    StalledThenCut,
}
