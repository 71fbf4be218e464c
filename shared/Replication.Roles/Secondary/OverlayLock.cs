using System.Text;
using Replication.Block;
using Replication.Block.Files;
using Replication.Block.State;

namespace Replication.Roles.Secondary;

/// <summary>
/// Keeps every other node out of an overlay directory, for a node removes all overlay files that its record does not name: of a node that is configured with
/// another's directory, every one of the other's. A lock keeps out those that run; the group's name, in
/// a file beside it, keeps out another group that comes later.
/// </summary>
internal static class OverlayLock
{
    private const string LockFile = "lock";
    private const string GroupFile = "group";
    private const string NodeName = "overlay.lock";

    /// <summary>Held until the returned node is disposed, or the process ends in any way.</summary>
    /// <exception cref="StateException">The directory is in use by another process, belongs to another group, or cannot be written.</exception>
    public static BlockNode Take(IFileStore overlays, string group)
    {
        BlockNode taken = TakeLock(overlays);
        try
        {
            if (overlays.Read(GroupFile) is not { } owner)
                overlays.Replace(GroupFile, Encoding.UTF8.GetBytes(group));
            else if (Encoding.UTF8.GetString(owner) is var name && name != group)
            {
                throw new StateException(
                    $"overlay directory {overlays.Path} belongs to group '{name}', the configuration says '{group}'; give each group a directory of its own");
            }

            return taken;
        }
        catch
        {
            Release(taken);
            throw;
        }
    }

    private static BlockNode TakeLock(IFileStore overlays)
    {
        try
        {
            return overlays.Open(LockFile, NodeName) ?? overlays.Create(LockFile, 0, NodeName);
        }
        catch (DiskOpenException e) when (e.Errno is Errno.EAGAIN or Errno.EACCES)
        {
            throw new StateException($"overlay directory {overlays.Path} is in use by another process", e);
        }
        catch (DiskOpenException e)
        {
            throw new StateException($"overlay directory {overlays.Path}: {e.Message}", e);
        }
    }

    // A file of our own is closed at once.
    private static void Release(BlockNode taken) => Invariant.Check(taken.DisposeAsync().IsCompletedSuccessfully, "a lock file is closed at once");
}
