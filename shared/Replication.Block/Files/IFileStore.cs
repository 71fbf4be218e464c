namespace Replication.Block.Files;

/// <summary>
/// A directory in which a node keeps files of its own; a simulator puts memory behind it. Failures are <see cref="IOException"/>s that name the file.
/// </summary>
public interface IFileStore
{
    /// <summary>Where the files are, for messages.</summary>
    string Path { get; }

    /// <summary>Makes a new file, a hole of that length, locked to this process; an existing one of the name is an error.</summary>
    BlockNode Create(string fileName, long lengthBytes, string nodeName);

    /// <summary>Opens and locks a file; null where there is none.</summary>
    BlockNode? Open(string fileName, string nodeName);

    /// <summary>Removes a file; none of the name is no error.</summary>
    void Delete(string fileName);

    /// <summary>Names of all files.</summary>
    IReadOnlyList<string> List();

    /// <summary>Content of a small file; null where there is none.</summary>
    byte[]? Read(string fileName);

    /// <summary>Makes the names of files that were made and removed survive a loss of power; where nothing can be lost there is nothing to do.</summary>
    void SyncNames()
    {
    }

    /// <summary>Room that is left where the files are; <see cref="long.MaxValue"/> where that is not known.</summary>
    long FreeBytes => long.MaxValue;

    /// <summary>The files are in memory: a loss of power takes all of them.</summary>
    bool IsVolatile => false;

    /// <summary>Replaces a small file as a whole, durably: after a crash it has the old or the new content.</summary>
    void Replace(string fileName, ReadOnlySpan<byte> content);
}
