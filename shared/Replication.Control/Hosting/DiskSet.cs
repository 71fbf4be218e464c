using Replication.Block;
using Replication.Block.Files;
using Replication.Control.Options;
using Replication.Roles;

namespace Replication.Control.Hosting;

/// <summary>The group's disks, opened and locked before anything on disk is made; the node takes them over one by one.</summary>
internal sealed class DiskSet : IAsyncDisposable
{
    private readonly Dictionary<DiskOptions, RawFile> _disks = []; // What nobody has taken yet.

    /// <exception cref="ConfigurationException">A disk is missing, empty, of a wrong length, locked, or one file under two names.</exception>
    public static async Task<DiskSet> OpenAsync(HostOptions options, BlockingWorkers workers)
    {
        var set = new DiskSet();
        try
        {
            for (int i = 0; i < options.Node.Disks.Count; i++)
                set.Open(options.Node.Disks[i], options.DiskKeys[i], workers);
            return set;
        }
        catch
        {
            await set.DisposeAsync();
            throw;
        }
    }

    public BlockNode Take(DiskOptions disk) =>
        _disks.Remove(disk, out RawFile? file) ? file : throw new InvalidOperationException($"disk {disk.Name} has been taken already");

    public async ValueTask DisposeAsync()
    {
        foreach (RawFile file in _disks.Values)
            await file.DisposeAsync();
        _disks.Clear();
    }

    private void Open(DiskOptions disk, string key, BlockingWorkers workers)
    {
        string target = Target(disk.Path);
        if (_disks.Keys.FirstOrDefault(d => Target(d.Path) == target) is { } same)
            throw new ConfigurationException(key, $"{disk.Path} is the same file as disk {same.Name}'s; paths must differ");
        try
        {
            _disks.Add(disk, RawFile.Open(disk.Name, disk.Path, workers));
        }
        catch (DiskOpenException e)
        {
            throw new ConfigurationException(key, $"{disk.Path} {e.Reason}", e);
        }
    }

    private static string Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path; // Opening it says what is wrong.
        }
    }
}
