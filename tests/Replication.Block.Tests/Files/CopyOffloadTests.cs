using Replication.Block.Files;
using Replication.Testing;

namespace Replication.Block.Tests.Files;

public sealed class CopyOffloadTests : IDisposable
{
    private const int LengthBytes = (4 << 20) + 512;

    private readonly TempDirectory _directory = new();
    private readonly BlockingWorkers _workers = new(threads: 1);

    [Fact]
    public async Task A_range_is_copied_and_nothing_else()
    {
        byte[] content = DeterministicRandom.Create().Bytes(LengthBytes);
        await File.WriteAllBytesAsync(_directory["source"], content);
        await using RawFile source = RawFile.Open("source", _directory["source"], _workers);
        await using RawFile target = RawFile.CreatePrivate("target", _directory["target"], LengthBytes, _workers);
        CopyOffload offload = CopyOffload.Between(source, target, _workers)!;
        var range = BlockRange.FromBounds(65536, LengthBytes);
        Assert.SkipUnless(await offload.CopyAsync(range), "this file system does not copy");
        Assert.True(offload.IsPossible);
        await BlockAssert.FilledAsync(target, new BlockRange(0, range.OffsetBytes), 0);
        await BlockAssert.ContentAsync(target, range.OffsetBytes, content.AsMemory((int)range.OffsetBytes));
    }

    [Fact]
    public async Task Two_file_systems_that_cannot_are_asked_once()
    {
        Assert.SkipUnless(new DriveInfo("/dev/shm").DriveFormat == "tmpfs", "/dev/shm is no tmpfs");
        using var memory = new TempDirectory("/dev/shm");
        Assert.SkipWhen(new DriveInfo(_directory.Path).DriveFormat == "tmpfs", "both are tmpfs");
        await using RawFile source = RawFile.Open("source", _directory.CreateFile("source", LengthBytes), _workers);
        await using RawFile target = RawFile.CreatePrivate("target", memory["target"], LengthBytes, _workers);
        CopyOffload offload = CopyOffload.Between(source, target, _workers)!;
        Assert.False(await offload.CopyAsync(new BlockRange(0, 4096)));
        Assert.False(offload.IsPossible);
        Assert.False(await offload.CopyAsync(new BlockRange(0, 4096)));
    }

    [Fact]
    public async Task A_source_that_somebody_has_shortened_is_an_error()
    {
        await using RawFile source = RawFile.Open("source", _directory.CreateFile("source", LengthBytes), _workers);
        await using RawFile target = RawFile.CreatePrivate("target", _directory["target"], LengthBytes, _workers);
        CopyOffload offload = CopyOffload.Between(source, target, _workers)!;
        Assert.SkipUnless(await offload.CopyAsync(new BlockRange(0, 4096)), "this file system does not copy");
        await Programs.RunAsync("/usr/bin/truncate", "--size=4096", _directory["source"]);
        BlockException error = await Assert.ThrowsAsync<BlockException>(async () => await offload.CopyAsync(new BlockRange(0, LengthBytes)));
        Assert.Equal(Errno.EIO, error.Errno);
    }

    [Fact]
    public async Task Only_raw_files_are_offered()
    {
        await using RawFile file = RawFile.CreatePrivate("file", _directory["file"], LengthBytes, _workers);
        Assert.Null(CopyOffload.Between(new MemoryNode(LengthBytes), file, _workers));
        Assert.Null(CopyOffload.Between(file, new MemoryNode(LengthBytes), _workers));
    }

    public void Dispose()
    {
        _workers.Dispose();
        _directory.Dispose();
    }
}
