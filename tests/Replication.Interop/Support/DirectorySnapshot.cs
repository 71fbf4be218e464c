using System.Security.Cryptography;

namespace Replication.Interop.Support;

/// <summary>Everything below some directories: names, kinds, modes, and the digest of each file.</summary>
internal static class DirectorySnapshot
{
    public static string Take(params IEnumerable<string> directories) => string.Join('\n', directories.SelectMany(Lines));

    private static IEnumerable<string> Lines(string directory) => new DirectoryInfo(directory).Exists
        ? new DirectoryInfo(directory).EnumerateFileSystemInfos("*", SearchOption.AllDirectories).Prepend(new DirectoryInfo(directory)).Select(Line).Order(
            StringComparer.Ordinal)
        : [$"{directory} is not there"];

    private static string Line(FileSystemInfo entry) => $"{entry.FullName} {entry.UnixFileMode} {(entry is FileInfo file ? Digest(file) : "directory")}";

    private static string Digest(FileInfo file)
    {
        // A socket can't be opened, and has no content.
        if (file.Length == 0)
            return "0";
        using var content = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return $"{file.Length} {Convert.ToHexString(SHA256.HashData(content))}";
    }
}
