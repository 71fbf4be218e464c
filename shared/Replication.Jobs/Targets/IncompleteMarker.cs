using System.Text;
using Replication.Block.Files;

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

    private IncompleteMarker(FileStore directory, string name) => (_directory, _name) = (directory, name);

    /// <summary>Whether a backup to this file has begun and has not been completed.</summary>
    public static bool IsPresent(string targetPath) => File.Exists(targetPath + Suffix);

    /// <summary>The marker of a file in a directory that exists.</summary>
    public static IncompleteMarker Of(string targetPath, TargetEnvironment environment) =>
        new(new FileStore(Path.GetDirectoryName(targetPath)!, environment.Workers), Path.GetFileName(targetPath) + Suffix);

    /// <summary>Sets it, durably.</summary>
    public void Set(DateTimeOffset now)
    {
        _wasThere = _directory.Read(_name) is not null;
        string text = $"A backup into the file beside this one began at {now.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z and has not been completed.\n";
        _directory.Replace(_name, Encoding.UTF8.GetBytes(text));
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
