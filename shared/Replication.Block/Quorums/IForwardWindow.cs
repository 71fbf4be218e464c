namespace Replication.Block.Quorums;

/// <summary>The room that forwards of a session share until they are answered.</summary>
public interface IForwardWindow
{
    /// <summary>
    /// Waits, first come first served, until a forward of that many payload bytes has room, and keeps the room until <see cref="Release"/>; or, without room,
    /// for as long as a guest request may wait. It never fails: the room of a lost session is unbounded, and its forwards fail by themselves.
    /// </summary>
    ValueTask<ForwardRoom> ReserveAsync(long payloadBytes);

    /// <summary>Gives reserved room back: right after the forward was enqueued, which has taken room of its own.</summary>
    void Release(long payloadBytes);
}
