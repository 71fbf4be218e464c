using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Fleecing;

/// <summary>Files of the node's own for old content that readers want; none outlives the node's next start.</summary>
public sealed class ScratchFiles
{
    private const string Prefix = "fleece-";

    private readonly IFileStore _files;
    private long _last; // number of the last file

    /// <summary>Removes what a kill has left.</summary>
    /// <exception cref="IOException">It cannot be removed.</exception>
    public ScratchFiles(IFileStore files)
    {
        _files = files;
        foreach (string name in files.List().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
            files.Delete(name);
    }

    /// <summary>The most that one of them should take: a guest's old content must not leave the node without room for its records.</summary>
    public long QuotaBytes => _files.FreeBytes == long.MaxValue ? 0 : Math.Max(Limits.ClusterBytes, _files.FreeBytes / 2);

    /// <summary>A hole of that length.</summary>
    /// <exception cref="JobException">It cannot be made.</exception>
    public IBackupTarget Create(string nodeName, long lengthBytes)
    {
        string name = $"{Prefix}{Interlocked.Increment(ref _last)}";
        try
        {
            return new Scratch(_files, name, _files.Create(name, lengthBytes, nodeName));
        }
        catch (IOException e)
        {
            throw new JobException(JobErrorClass.GenericError, $"no file for the old content of '{nodeName}' can be made: {e.Message}", e)
            {
                Kind = JobErrorKind.Failed,
            };
        }
    }

    private sealed class Scratch(IFileStore files, string name, BlockNode node) : IBackupTarget
    {
        public BlockNode Node => node;

        public int ClusterBytes => Limits.ClusterBytes;

        public bool IsClusterKnown => true;

        public string Identity { get; } = Path.Combine(files.Path, name);

        public ValueTask SealAsync() => default;

        public async ValueTask DisposeAsync()
        {
            await node.DisposeAsync();
            try
            {
                files.Delete(name);
            }
            catch (IOException)
            {
                // The next start of the node removes it.
            }
        }
    }
}
