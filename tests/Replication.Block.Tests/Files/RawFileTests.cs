using Replication.Block.Files;
using Replication.Testing;

namespace Replication.Block.Tests.Files;

/// <summary>Raw files on the file system of the temporary directory.</summary>
public class RawFileTests : BlockNodeContract, IDisposable
{
    private readonly BlockingWorkers _workers = new();
    private readonly TempDirectory _directory;

    public RawFileTests()
        : this(null)
    {
    }

    protected RawFileTests(string? parent) => _directory = new TempDirectory(parent);

    [Fact]
    public async Task A_long_zeroing_and_a_flush_leave_the_callers_thread()
    {
        await using BlockNode node = await CreateAsync(16 << 20);
        ValueTask flush = node.FlushAsync();
        ValueTask zero = node.WriteZeroesAsync(new BlockRange(0, 16 << 20));
        await flush;
        await zero;
        await BlockAssert.FilledAsync(node, new BlockRange(0, 16 << 20), 0);
    }

    [Fact]
    public async Task Unmapping_gives_the_space_back_and_no_unmap_does_not()
    {
        await using BlockNode node = await CreateAsync(1 << 20);
        await node.FillAsync(new BlockRange(0, 1 << 20), 0x77);
        await node.WriteZeroesAsync(new BlockRange(0, 512 << 10));
        Assert.Equal(new Extent(512 << 10, ExtentFlags.Hole | ExtentFlags.Zero), await node.StatusAsync(new BlockRange(0, 1 << 20)));
        await node.WriteZeroesAsync(new BlockRange(512 << 10, 512 << 10), WriteFlags.NoUnmap);
        await BlockAssert.FilledAsync(node, new BlockRange(0, 1 << 20), 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(128 << 10)]
    [InlineData(448 << 10)]
    public async Task A_hole_in_a_run_of_data_that_was_found_before_is_found_too(long holeBytes)
    {
        await using BlockNode node = await CreateAsync(1 << 20);
        var data = new BlockRange(0, 512 << 10);
        await node.FillAsync(data, 0x77);
        Assert.Equal(new Extent(data.LengthBytes, ExtentFlags.Data), await node.StatusAsync(new BlockRange(0, 1 << 20)));
        Assert.Equal(new Extent(4096, ExtentFlags.Data), await node.StatusAsync(new BlockRange(256 << 10, 4096)));
        await node.WriteZeroesAsync(new BlockRange(holeBytes, 64 << 10));
        Assert.Equal(ExtentFlags.Hole | ExtentFlags.Zero, (await node.StatusAsync(new BlockRange(holeBytes, 64 << 10))).Flags);
        await BlockAssert.FilledAsync(node, new BlockRange(holeBytes, 64 << 10), 0);
    }

    [Fact]
    public async Task Unmapping_to_the_end_gives_the_last_page_back_where_the_file_ends_in_it()
    {
        const int LengthBytes = 8192 + 512;
        await using BlockNode node = await CreateAsync(LengthBytes);
        await node.FillAsync(new BlockRange(0, LengthBytes), 0x77);
        await node.WriteZeroesAsync(new BlockRange(4096, LengthBytes - 4096));
        Assert.Equal(new Extent(LengthBytes - 4096, ExtentFlags.Hole | ExtentFlags.Zero), await node.StatusAsync(BlockRange.FromBounds(4096, LengthBytes)));
        await BlockAssert.FilledAsync(node, new BlockRange(0, 4096), 0x77);
    }

    [Fact]
    public async Task Reads_and_writes_complete_at_once_and_allocate_nothing()
    {
        await using BlockNode node = await CreateAsync(1 << 20);
        byte[] buffer = new byte[4096];
        await node.WriteAsync(0, buffer);
        await node.ReadAsync(0, buffer);
        bool atOnce = true;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            ValueTask write = node.WriteAsync(i * 4096, buffer);
            ValueTask read = node.ReadAsync(i * 4096, buffer);
            atOnce &= write.IsCompletedSuccessfully && read.IsCompletedSuccessfully;
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(atOnce);
    }

    [Fact]
    public async Task A_file_that_was_cut_short_under_us_is_an_error_not_garbage()
    {
        string path = _directory.CreateFile("cut.raw", 8192);
        await using RawFile node = RawFile.Open("disk0", path, _workers);
        await Programs.RunAsync(Programs.Require("truncate"), "-s", "4096", path);
        BlockException error = await BlockAssert.FailsAsync(BlockErrorKind.Io, node.ReadAsync(4096, Poison.Buffer(512)));
        Assert.Equal(new BlockRange(4096, 512), error.Range);
    }

    [Fact]
    public async Task A_closed_disk_fails_what_comes_later()
    {
        BlockNode node = await CreateAsync(8192);
        await node.DisposeAsync();
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, node.FlushAsync());
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, node.ReadAsync(0, new byte[512]));
    }

    [Fact]
    public async Task A_read_only_disk_refuses_writes()
    {
        string path = _directory.CreateFile("ro.raw", 8192);
        await using RawFile owner = RawFile.Open("disk0", path, _workers);
        await using RawFile reader = RawFile.OpenReadOnly("reader", path, _workers);
        await BlockAssert.FailsAsync(BlockErrorKind.ReadOnly, reader.WriteAsync(0, new byte[512]));
        await BlockAssert.FailsAsync(BlockErrorKind.ReadOnly, reader.WriteZeroesAsync(new BlockRange(0, 512)));
        await owner.WriteAsync(0, Filled(512, 0x12));
        await BlockAssert.FilledAsync(reader, new BlockRange(0, 512), 0x12);
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        _workers.Dispose();
        _directory.Dispose();
    }

    protected override ValueTask<BlockNode> CreateAsync(long lengthBytes) =>
        new(RawFile.CreatePrivate("disk0", _directory[$"{Guid.NewGuid():N}.raw"], lengthBytes, _workers));
}
