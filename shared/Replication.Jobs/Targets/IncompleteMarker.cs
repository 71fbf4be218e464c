using System.Text;
using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Targets;

/// <summary>
/// A file beside a target, <c>TARGET.incomplete</c>, that says that the target is no backup yet. It is durable before the target changes, and goes once
/// everything is in the target durably: whatever happens in between, also to power, it is there.
/// </summary>
/// <remarks>
/// A raw image has no place for such a mark, and one that had it would be no raw image. A name that the target only gets in the end would not do for a target
/// that exists, nor for programs that wait for it under its name. Beside a block device or a server nothing can be put.
/// </remarks>
internal sealed class IncompleteMarker
{
    public const string Suffix = ".incomplete";

    private readonly FileStore _directory;
    private readonly string _name;
    private bool _wasThere;
    private string _text = "";

    private IncompleteMarker(FileStore directory, string name) => (_directory, _name) = (directory, name);

    /// <summary>Whether a backup to this file has begun and has not been completed.</summary>
    public static bool IsPresent(string targetPath) => File.Exists(targetPath + Suffix);

    /// <summary>The marker of a file in a directory that exists.</summary>
    public static IncompleteMarker Of(string targetPath, TargetEnvironment environment) =>
        new(new FileStore(Path.GetDirectoryName(targetPath)!, environment.Workers), Path.GetFileName(targetPath) + Suffix);

    /// <summary>What removing it takes, for who has to do so later.</summary>
    public TargetSeal Seal => new(Path.Combine(_directory.Path, _name), _text);

    /// <summary>Removes one that another run of the node has set, unless it is not that one any more.</summary>
    public static void Complete(TargetSeal seal, BlockingWorkers workers)
    {
        if (Path.GetDirectoryName(seal.MarkerPath) is not { } path || !Directory.Exists(path))
            return;
        var directory = new FileStore(path, workers);
        string name = Path.GetFileName(seal.MarkerPath);
        if (directory.Read(name) is not { } content || Encoding.UTF8.GetString(content) != seal.Text)
            return;
        directory.Delete(name);
        directory.SyncNames();
    }

    /// <summary>Sets it, durably.</summary>
    public void Set(DateTimeOffset now)
    {
        _wasThere = _directory.Read(_name) is not null;
        _text = $"A backup into the file beside this one began at {now.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z and has not been completed ({Guid.NewGuid():N}).\n";
        _directory.Replace(_name, Encoding.UTF8.GetBytes(_text));
    }

    /// <summary>The target is whole, and is on stable storage.</summary>
    public void Remove()
    {
        // The names of a new target and of its marker are in one directory: one sync makes both changes durable.
        _directory.Delete(_name);
        _directory.SyncNames();
    }

    /// <summary>Nothing of the target has been changed after all: what was there before is there now.</summary>
    public void Withdraw()
    {
        if (!_wasThere)
            _directory.Delete(_name);
    }
}
