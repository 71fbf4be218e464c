namespace Replication.Roles.Mirror;

/// <summary>Why a mirror session ended.</summary>
public enum MirrorLossCause
{
    /// <summary>The role ended it in order.</summary>
    Ended,

    /// <summary>A connection died.</summary>
    ConnectionLost,

    /// <summary>No reply for the deadline, while replies were owed.</summary>
    Silent,

    /// <summary>A forwarded flush had no answer within its own deadline.</summary>
    FlushUnanswered,

    /// <summary>One write had no answer for as long as a flush may take, while the peer answered later ones.</summary>
    WriteUnanswered,

    /// <summary>The peer answered a forward with an error: its disk may lack the write.</summary>
    ForwardFailed,

    /// <summary>The local disk failed in a way that left the two disks different.</summary>
    LocalFailed,

    /// <summary>The peer has been promoted, or asked to be and may have been.</summary>
    PeerPromoted,
}
