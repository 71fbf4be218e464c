namespace Replication.Block.Linux;

/// <summary>What statx tells about an open file.</summary>
/// <param name="Type">The S_IF… bits of the mode.</param>
/// <param name="LengthBytes">Length in bytes.</param>
/// <param name="Device">With <paramref name="Inode"/>, the file's identity whatever its path.</param>
/// <param name="Inode">See <paramref name="Device"/>.</param>
internal readonly record struct FileStatus(int Type, long LengthBytes, ulong Device, ulong Inode)
{
    public bool IsDirectory => Type == LibC.S_IFDIR;

    public bool IsBlockDevice => Type == LibC.S_IFBLK;

    public bool IsRegular => Type == LibC.S_IFREG;
}
