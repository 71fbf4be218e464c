namespace Replication.Block.Files;

/// <summary>A disk that cannot be opened: one line that names the path and says why.</summary>
public sealed class DiskOpenException(string path, string reason, int errno = 0) : IOException($"disk {path}: {reason}")
{
    public string Path { get; } = path;

    public string Reason { get; } = reason;

    /// <summary>The Linux error number; 0 where the refusal is ours.</summary>
    public int Errno { get; } = errno;
}
