namespace Replication.Roles.Mirror;

/// <summary>Hears of a session's trouble. Called on data-path or timer threads: must not block, must not throw.</summary>
public interface IMirrorSessionObserver
{
    /// <summary>
    /// The peer has been silent for half of the deadline. There is time left to ask it something over another way before <see cref="Lost"/>.
    /// </summary>
    void Suspicious(MirrorSession session);

    /// <summary>
    /// The peer owes an answer that no deadline of a guest's bounds, to a flush or a question, and nothing at all has come from it for a while.
    /// Called at every tick until something is heard: one that lives by another way is spared with <see cref="MirrorSession.HeardElsewhere"/>, one
    /// that does not is given up with <see cref="MirrorSession.GiveUpUnheard"/>.
    /// </summary>
    void Unheard(MirrorSession session);

    /// <summary>
    /// The session is over. No forward that is pending fails, and so no guest write is acknowledged for
    /// it, before this returns: the place to hold acknowledgements.
    /// </summary>
    void Lost(MirrorSession session, MirrorLoss loss);
}
