using Replication.Block;
using Replication.Roles;

namespace Replication.Control.Journal;

/// <summary>What to do about each of the seven failure cases.</summary>
internal static class Advice
{
    public static string For(FailureReport failure) => (failure.Errno == Errno.ENOSPC ? "There was no room left: make some. " : "") + For(failure.Case);

    public static string For(FailureCase failureCase) => failureCase switch
    {
        FailureCase.PrimaryDisk =>
            "The guest got this error. Check the device and the file system under the primary disk; if they cannot be trusted, fail over to the secondary.",
        FailureCase.Forwarding =>
            "The guest saw nothing of it, and goes on with the primary disk alone. Check the network and the secondary's own errors, then bring the pair back with `coloctl start`.",
        FailureCase.UndoCopy =>
            "The old content of a block could not be kept, so the mirrored write was refused; the secondary's view is still valid. Make room in Overlay:Directory or repair what is under it, then `coloctl start`.",
        FailureCase.SecondaryDisk =>
            "Check the device and the file system under the secondary disk. Replace the disk if it cannot be trusted, then `coloctl start --sync full`.",
        FailureCase.ActiveDisk =>
            "The secondary's guest got this error. Make room in Overlay:Directory or repair what is under it; the next checkpoint begins with an empty active disk.",
        FailureCase.EmptyOverlay =>
            "The checkpoint did not happen; both nodes stay at their epoch. Check room and permissions of Overlay:Directory and StateDirectory, then take the checkpoint again.",
        FailureCase.Commit =>
            "The promoted node serves all the same and has lost nothing. Repair what is under the secondary disk, then repeat `coloctl failover`.",
        _ => "",
    };
}
