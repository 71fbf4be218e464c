using Replication.Block;
using Replication.Roles;

namespace Replication.Control.Journal;

/// <summary>What to do about each of the seven failure cases.</summary>
internal static class Advice
{
    public static string For(FailureReport failure) => failure.Settled is not null
        ? "The disks are equal again; the secondary's view is right again with the next checkpoint: "
            + "take one (`coloctl checkpoint`) before you rely on a failover. "
            + "What made the disks differ is not known: look at the device under the secondary disk, and for whoever else writes to it."
        : (failure.Errno == Errno.ENOSPC ? "There was no room left: make some. " : "") + For(failure.Case);

    public static string For(FailureCase failureCase) => failureCase switch
    {
        FailureCase.PrimaryDisk =>
            "The guest got this error. Check the device and the file system under the primary disk (kernel log, SMART); if they cannot be trusted, move the "
            + "guest with `coloctl failover`.",
        FailureCase.Forwarding =>
            "The guest saw nothing of it, and goes on with the primary disk alone. Look at `coloctl status` and at the secondary's own errors; once network "
            + "and secondary are well, the pair comes back by itself, or with `coloctl resync`.",
        FailureCase.UndoCopy =>
            "The old content of a block could not be kept, so the mirrored write was refused; the secondary's view is still valid. Make room in "
            + "Overlay:Directory or repair what is under it and under the secondary disk, then `coloctl resync`.",
        FailureCase.SecondaryDisk =>
            "Check the device and the file system under the secondary disk (kernel log, SMART), then `coloctl resync`; where a verify has found that the "
            + "disks differ, `coloctl verify --repair`. A disk that was replaced needs `coloctl start --sync full`.",
        FailureCase.ActiveDisk =>
            "The secondary's guest got this error. Make room in Overlay:Directory or repair what is under it; the next checkpoint begins with empty overlays.",
        FailureCase.EmptyOverlay =>
            "The checkpoint did not happen as asked; `coloctl status` shows the epoch that is in force, and both guests go on. Check room and permissions of "
            + "Overlay:Directory and StateDirectory on this node, then take the checkpoint again.",
        FailureCase.Commit =>
            "Nothing is lost, and the node serves as `coloctl status` says: `running`, the promotion was not recorded; `failover-failed`, it is promoted and "
            + "its commit stopped. Repair what is under the secondary disk and StateDirectory, then repeat `coloctl failover`.",
        _ => "",
    };
}
