namespace Replication.Block.Quorums;

/// <summary>What waits while a hold is in force.</summary>
[Flags]
public enum GuestHold
{
    None = 0,

    /// <summary>Guest writes that have not begun; those in flight complete and are acknowledged.</summary>
    Writes = 1,

    /// <summary>Acknowledgements of writes and flushes in flight. They are done, but the guest must not learn of it yet.</summary>
    Acknowledgements = 2,

    /// <summary>Reads, flushes and status that have not begun.</summary>
    Reads = 4,

    /// <summary>Nothing is lost or promised: for the time after a lost session until the role knows where the peer stands.</summary>
    WritesAndAcknowledgements = Writes | Acknowledgements,

    /// <summary>Everything: for stage waiting.</summary>
    All = Writes | Acknowledgements | Reads,
}
