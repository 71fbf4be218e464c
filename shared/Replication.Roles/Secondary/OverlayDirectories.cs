using Replication.Block;
using Replication.Block.Files;
using Replication.Block.State;

namespace Replication.Roles.Secondary;

/// <summary>The overlay directory and the spill directory, opened and locked for one node.</summary>
internal sealed class OverlayDirectories : IAsyncDisposable
{
    private readonly List<(string Path, BlockNode Lock)> _taken = [];

    /// <exception cref="StateException">It is in use, belongs to another group, or is both directories in one.</exception>
    public IFileStore Open(NodeServices services, string path, string group, StatePlace place)
    {
        try
        {
            return Open(services, path, group);
        }
        catch (IOException e)
        {
            throw StateException.At(place, e);
        }
    }

    private IFileStore Open(NodeServices services, string path, string group)
    {
        IFileStore files = services.OpenFiles(path);
        // One directory under two names is found too: its lock is taken already.
        if (_taken.Any(other => other.Path == files.Path))
            throw new StateException($"overlay directory {files.Path} cannot be the spill directory, too");
        _taken.Add((files.Path, OverlayLock.Take(files, group)));
        return files;
    }

    public async ValueTask DisposeAsync()
    {
        foreach ((_, BlockNode taken) in _taken)
            await taken.DisposeAsync();
        _taken.Clear();
    }
}
