namespace Replication.Qmp;

/// <summary>Told of what happens at the door, for the log. Clients are numbered from 1. Called from any thread; must not block.</summary>
public interface IQmpObserver
{
    void ClientConnected(long client);

    /// <summary>A connection has ended.</summary>
    /// <param name="client">Which.</param>
    /// <param name="reason">Why: in a few words.</param>
    /// <param name="isFault">The door closed it for what the client did, or did not do.</param>
    void ClientGone(long client, string reason, bool isFault);

    /// <summary>A command ended with an exception that is no <see cref="QmpException"/>: a mistake of ours.</summary>
    void CommandBroke(long client, string command, Exception failure);
}
