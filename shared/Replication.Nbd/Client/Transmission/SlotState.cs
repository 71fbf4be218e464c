namespace Replication.Nbd.Client;

/// <summary>Where a request stands. Whoever moves it to <see cref="Done"/>, under the connection's lock, completes it: exactly once.</summary>
internal enum SlotState
{
    Idle,

    /// <summary>Submitted; it waits for room on the wire.</summary>
    Waiting,

    /// <summary>Handed to the send queue; a reply is owed.</summary>
    OnWire,

    /// <summary>
    /// On the wire, and the receiving thread is writing into the caller's buffer: nobody else may complete it, for then the caller could use the buffer again.
    /// </summary>
    Touched,

    Done,
}
