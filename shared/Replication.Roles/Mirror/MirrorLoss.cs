using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>The first reason for which a session ended; later ones are not looked at.</summary>
/// <param name="Cause">The kind of reason.</param>
/// <param name="Message">One line for people.</param>
/// <param name="Disk">The disk where it showed; empty where it concerns all.</param>
/// <param name="Range">The range of the failed forward; empty where there is none.</param>
/// <param name="Errno">The error number of the failed forward; 0 where there is none.</param>
public sealed record MirrorLoss(MirrorLossCause Cause, string Message, string Disk = "", BlockRange Range = default, int Errno = 0)
{
    /// <summary>The error number that the failure is listed with: the forward's own, else the one that says best what happened.</summary>
    public int ReportedErrno => Errno != 0 ? Errno : Cause switch
    {
        MirrorLossCause.Silent or MirrorLossCause.FlushUnanswered or MirrorLossCause.WriteUnanswered => Block.Errno.ETIMEDOUT,
        MirrorLossCause.ForwardFailed or MirrorLossCause.LocalFailed => Block.Errno.EIO,
        _ => Block.Errno.ESHUTDOWN,
    };

    /// <summary>The cause as events carry it.</summary>
    public string CauseText => Cause switch
    {
        MirrorLossCause.Ended => "ended",
        MirrorLossCause.ConnectionLost => "connection-lost",
        MirrorLossCause.Silent => "silent",
        MirrorLossCause.FlushUnanswered => "flush-unanswered",
        MirrorLossCause.WriteUnanswered => "write-unanswered",
        MirrorLossCause.ForwardFailed => "forward-failed",
        MirrorLossCause.LocalFailed => "local-failed",
        _ => "peer-promoted",
    };
}
