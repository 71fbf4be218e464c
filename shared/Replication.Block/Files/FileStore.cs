using Replication.Block.Linux;
using Replication.Block.State;

namespace Replication.Block.Files;

/// <summary>The real directory behind <see cref="IFileStore"/>; made (mode 0700) where it does not exist.</summary>
public sealed class FileStore : IFileStore
{
    private const string TemporarySuffix = ".new";

    private readonly BlockingWorkers _workers;

    public FileStore(string path, BlockingWorkers workers)
    {
        Path = System.IO.Path.GetFullPath(path);
        _workers = workers;
        try
        {
            Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new StateException($"directory {Path} cannot be made: {e.Message}", e);
        }
    }

    public string Path { get; }

    public BlockNode Create(string fileName, long lengthBytes, string nodeName) => RawFile.CreatePrivate(nodeName, Full(fileName), lengthBytes, _workers);

    public BlockNode? Open(string fileName, string nodeName) => File.Exists(Full(fileName)) ? RawFile.OpenPrivate(nodeName, Full(fileName), _workers) : null;

    public void Delete(string fileName) => Try(fileName, File.Delete);

    public IReadOnlyList<string> List() => [.. Directory.EnumerateFiles(Path).Select(file => System.IO.Path.GetFileName(file))];

    public byte[]? Read(string fileName)
    {
        var file = new FileInfo(Full(fileName));
        if (!file.Exists)
            return null;
        if (file.Length > Limits.ManifestBytes)
            throw new StateException($"{file.FullName}: has {file.Length} bytes, more than the {Limits.ManifestBytes} that it may have");
        byte[] content = [];
        Try(fileName, path => content = File.ReadAllBytes(path));
        return content;
    }

    public void Replace(string fileName, ReadOnlySpan<byte> content)
    {
        string temporary = Full(fileName) + TemporarySuffix;
        using (PosixFile file = OpenPosix(temporary, LibC.O_RDWR | LibC.O_CREAT | LibC.O_TRUNC))
        {
            Require(temporary, file.Write(0, content));
            Require(temporary, file.DataSync());
        }

        Try(fileName, path => File.Move(temporary, path, overwrite: true));
        SyncNames();
    }

    public void SyncNames()
    {
        using PosixFile directory = OpenPosix(Path, LibC.O_RDONLY);
        Require(Path, directory.Sync());
    }

    public long FreeBytes
    {
        get
        {
            try
            {
                return new DriveInfo(Path).AvailableFreeSpace;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return long.MaxValue;
            }
        }
    }

    public bool IsVolatile
    {
        get
        {
            try
            {
                return new DriveInfo(Path).DriveFormat is "tmpfs" or "ramfs";
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private string Full(string fileName) => System.IO.Path.Combine(Path, fileName);

    private void Try(string fileName, Action<string> action)
    {
        try
        {
            action(Full(fileName));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StateException($"{Full(fileName)}: {e.Message}", e);
        }
    }

    private static PosixFile OpenPosix(string path, int flags) =>
        PosixFile.Open(path, flags, out int errno) ?? throw new StateException($"{path}: {LinuxErrno.Text(errno)}");

    private static void Require(string path, int errno)
    {
        if (errno != 0)
            throw new StateException($"{path}: {LinuxErrno.Text(errno)}");
    }
}
