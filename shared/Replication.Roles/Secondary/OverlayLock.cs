using Replication.Block;
using Replication.Block.Files;
using Replication.Block.State;

namespace Replication.Roles.Secondary;

/// <summary>
/// Keeps a second node out of an overlay directory. The overlay files have locks of their own, but a node removes those that its record does not name: of a node that is
/// configured with another's directory, every one of the other's.
/// </summary>
internal static class OverlayLock
{
    private const string FileName = "lock";
    private const string NodeName = "overlay.lock";

    /// <summary>Held until the returned node is disposed, or the process ends in any way.</summary>
    /// <exception cref="StateException">The directory is in use by another process, or cannot be written.</exception>
    public static BlockNode Take(FileStore overlays)
    {
        try
        {
            return overlays.Open(FileName, NodeName) ?? overlays.Create(FileName, 0, NodeName);
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
}
