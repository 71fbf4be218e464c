using System.Globalization;
using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs.Commands;
using Replication.Jobs.Targets;
using Replication.Nbd;
using Replication.Testing;

namespace Replication.Jobs.Tests.Targets;

/// <summary>Images that QEMU's own programs make, write and judge.</summary>
[Collection(TargetWorld.OneByOne)]
public sealed class ImageTargetTests : IDisposable
{
    private readonly TargetWorld _world = new();

    public ImageTargetTests()
    {
        Programs.Require("qemu-img");
        Programs.Require("qemu-nbd");
    }

    [Theory]
    [InlineData("qcow2", false)]
    [InlineData("qcow2", true)]
    [InlineData("vmdk", false)]
    [InlineData("vdi", false)]
    public async Task An_image_that_is_made_holds_what_was_written(string format, bool compress)
    {
        string path = _world["target: an 'odd', \"name\""];
        TargetDescription description = _world.Describe("", format) with { Target = path, Compress = compress };
        string reference;
        await using (BackupTarget target = await _world.OpenAsync(description))
        {
            Assert.True(BackupTarget.IsIncomplete(path));
            Assert.True(target.IsClusterKnown && target.ClusterBytes >= 64 << 10, $"{target.ClusterBytes}");
            reference = await _world.FillAsync(target.Node);
            await target.SealAsync();
            Assert.False(BackupTarget.IsIncomplete(path));
        }

        await VerifyAsync(reference, path, format);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public async Task Zeroes_and_discarded_ranges_are_not_allocated()
    {
        await using (BackupTarget target = await _world.OpenAsync(_world.Describe("target", "qcow2")))
        {
            await target.Node.WriteAsync(0, DeterministicRandom.Create().Bytes(1 << 20));
            await target.Node.DiscardAsync(new BlockRange(0, 512 << 10));
            await target.Node.WriteAsync(2 << 20, new byte[1 << 20]);
            await target.SealAsync();
        }

        string map = await _world.QemuImgAsync("map", "--output=json", "-f", "qcow2", _world["target"]);
        Assert.Equal(1, map.Split("\"data\": true").Length - 1);
        const string Held = "\"start\": 524288, \"length\": 524288, \"depth\": 0, \"present\": true, \"zero\": false, \"data\": true";
        Assert.Contains(Held, map, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clusters_are_compressed_on_request()
    {
        byte[] text = new byte[1 << 20];
        text.AsSpan().Fill((byte)'x');
        await using (BackupTarget target = await _world.OpenAsync(_world.Describe("target", "qcow2") with { Compress = true }))
        {
            await target.Node.WriteAsync(0, text);
            await target.SealAsync();
        }

        Assert.Contains("100.00% compressed", await _world.QemuImgAsync("check", "-f", "qcow2", _world["target"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_optimized_vmdk_that_exists_takes_compressed_clusters()
    {
        await _world.QemuImgAsync("create", "-q", "-f", "vmdk", "-o", "subformat=streamOptimized", _world["target"], "4M");
        byte[] data = DeterministicRandom.Create().Bytes(256 << 10);
        TargetDescription description = _world.Describe("target", "vmdk") with { Mode = TargetMode.Existing, Compress = true };
        await using (BackupTarget target = await _world.OpenAsync(description))
        {
            await target.Node.WriteAsync(1 << 20, data);
            await target.SealAsync();
        }

        string reference = _world.Directory.CreateFile("reference", TargetWorld.LengthBytes);
        await using (FileStream file = File.OpenWrite(reference))
        {
            file.Position = 1 << 20;
            await file.WriteAsync(data);
        }

        await VerifyAsync(reference, _world["target"], "vmdk");
    }

    [Fact]
    public async Task The_cluster_of_an_image_that_exists_is_told_and_its_format_is_looked_at()
    {
        await _world.QemuImgAsync("create", "-q", "-f", "qcow2", "-o", "cluster_size=128k", _world["target"], "4M");
        await using BackupTarget target = await _world.OpenAsync(_world.Describe("target") with { Mode = TargetMode.Existing });
        Assert.Equal(("qcow2", 128 << 10), (target.Format, target.ClusterBytes));
    }

    [Fact]
    public async Task A_raw_file_that_exists_is_recognized()
    {
        _world.Directory.CreateFile("target", TargetWorld.LengthBytes);
        await using BackupTarget target = await _world.OpenAsync(_world.Describe("target") with { Mode = TargetMode.Existing });
        Assert.IsType<RawFile>(target.Node);
    }

    [Fact]
    public async Task An_image_reads_its_backing_file_unless_that_is_a_node_of_ours()
    {
        byte[] old = DeterministicRandom.Create().Bytes((int)TargetWorld.LengthBytes);
        await File.WriteAllBytesAsync(_world["base"], old);
        TargetDescription description = _world.Describe("target", "qcow2");
        await using (BackupTarget target = await _world.OpenAsync(description with { BackingFile = _world["base"], BackingFormat = "raw" }))
            await BlockAssert.ContentAsync(target.Node, 0, old);
        Assert.Contains(_world["base"], await _world.QemuImgAsync("info", _world["target"]), StringComparison.Ordinal);

        await using (BackupTarget target = await _world.OpenAsync(
            description with { Mode = TargetMode.Existing, BackingIsNode = true, Use = TargetUse.Scratch }))
            await BlockAssert.FilledAsync(target.Node, new BlockRange(0, TargetWorld.LengthBytes), 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_image_over_a_node_of_ours_tells_what_it_holds_itself(bool compress)
    {
        TargetDescription description = _world.Describe("target", "qcow2") with { BackingIsNode = true, Compress = compress, Use = TargetUse.Scratch };
        await using BackupTarget target = await _world.OpenAsync(description);
        await target.Node.WriteAsync(1 << 20, DeterministicRandom.Create().Bytes(128 << 10));
        List<(BlockRange Range, bool IsHeld)> depths = [];
        var all = new BlockRange(0, TargetWorld.LengthBytes);
        await foreach ((BlockRange range, uint depth) in target.Image!.ReadContextAsync(NbdContextNames.AllocationDepth, all))
            depths.Add((range, depth > 0));
        Assert.Equal(
        [
            (new BlockRange(0, 1 << 20), false),
            (new BlockRange(1 << 20, 128 << 10), true),
            (BlockRange.FromBounds((1 << 20) + (128 << 10), TargetWorld.LengthBytes), false),
        ], depths);
    }

    [Fact]
    public async Task Nobody_else_writes_to_an_open_image()
    {
        await using (await _world.OpenAsync(_world.Describe("target", "qcow2")))
        {
            await _world.RefusedAsync(_world.Describe("target", "qcow2") with { Mode = TargetMode.Existing }, TargetTrouble.InUse);
            await _world.RefusedAsync(_world.Describe("target", "qcow2"), TargetTrouble.InUse);
            Assert.True(BackupTarget.IsIncomplete(_world["target"]));
        }

        // Its process is gone, and with it the lock.
        await using BackupTarget again = await _world.OpenAsync(_world.Describe("target", "qcow2") with { Mode = TargetMode.Existing });
    }

    [Theory]
    [InlineData("2M", "too small")]
    [InlineData("8M", "too large")]
    public async Task An_image_of_another_length_is_refused(string length, string words)
    {
        await _world.QemuImgAsync("create", "-q", "-f", "qcow2", _world["target"], length);
        TargetException refusal = await _world.RefusedAsync(
            _world.Describe("target", "qcow2") with { Mode = TargetMode.Existing }, TargetTrouble.WrongLength);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
    }

    [Theory]
    [InlineData(TargetMode.AbsolutePaths)]
    [InlineData(TargetMode.Existing)]
    public async Task An_unknown_format_is_refused_and_nothing_is_left_behind(TargetMode mode)
    {
        if (mode == TargetMode.Existing)
            _world.Directory.CreateFile("target", TargetWorld.LengthBytes);
        string[] before = Directory.GetFiles(_world.Directory.Path);
        await _world.RefusedAsync(_world.Describe("target", "bogus") with { Mode = mode }, TargetTrouble.UnknownFormat);
        Assert.Equal(before, Directory.GetFiles(_world.Directory.Path));
    }

    [Fact]
    public async Task A_file_of_another_format_and_a_missing_backing_file_are_refused_in_one_line()
    {
        _world.Directory.CreateFile("raw", TargetWorld.LengthBytes);
        await _world.RefusedAsync(_world.Describe("raw", "qcow2") with { Mode = TargetMode.Existing }, TargetTrouble.Failed);
        await _world.RefusedAsync(_world.Describe("target", "qcow2") with { BackingFile = _world["none"] }, TargetTrouble.Missing);
        Assert.False(File.Exists(_world["target"]));
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
    }

    [Fact]
    public async Task A_missing_program_is_named_with_its_packages()
    {
        using var world = new TargetWorld { Environment = _world.Environment with { SearchPath = _world.Directory.Path } };
        TargetException refusal = await world.RefusedAsync(world.Describe("target", "qcow2"), TargetTrouble.ProgramMissing);
        Assert.Contains("qemu-nbd is not installed (package qemu-utils on Debian", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(world.Directory.Path));
    }

    [Theory]
    [InlineData(TargetMode.AbsolutePaths, false)]
    [InlineData(TargetMode.AbsolutePaths, true)]
    [InlineData(TargetMode.Existing, true)]
    public async Task A_length_that_is_no_multiple_of_the_cluster_is_kept(TargetMode mode, bool compress)
    {
        const long LengthBytes = TargetWorld.LengthBytes + 1536;
        TargetDescription description = _world.Describe("target", "qcow2") with { LengthBytes = LengthBytes, Mode = mode, Compress = compress };
        if (mode == TargetMode.Existing)
            await _world.QemuImgAsync("create", "-q", "-f", "qcow2", _world["target"], LengthBytes.ToString(CultureInfo.InvariantCulture));
        string reference;
        await using (BackupTarget target = await _world.OpenAsync(description))
        {
            Assert.Equal(LengthBytes, target.Node.LengthBytes);
            reference = await _world.FillAsync(target.Node, LengthBytes);
            Assert.True(BackupTarget.IsIncomplete(_world["target"]));
            await target.SealAsync();
        }

        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
        await VerifyAsync(reference, _world["target"], "qcow2");
        Assert.Contains($"({LengthBytes} bytes)", await _world.QemuImgAsync("info", _world["target"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_format_that_cannot_be_given_another_length_is_refused_and_not_marked()
    {
        const long LengthBytes = TargetWorld.LengthBytes + 1536;
        await _world.QemuImgAsync("create", "-q", "-f", "vmdk", _world["target"], LengthBytes.ToString(CultureInfo.InvariantCulture));
        TargetDescription description = _world.Describe("target", "vmdk") with { LengthBytes = LengthBytes, Mode = TargetMode.Existing, Compress = true };
        await _world.RefusedAsync(description, TargetTrouble.Failed);
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
    }

    [Fact]
    public async Task An_image_that_is_longer_until_it_is_closed_gets_its_length_back_without_a_seal()
    {
        const long LengthBytes = TargetWorld.LengthBytes + 1536;
        await (await _world.OpenAsync(_world.Describe("target", "qcow2") with { LengthBytes = LengthBytes, Compress = true })).DisposeAsync();
        Assert.True(BackupTarget.IsIncomplete(_world["target"]));
        Assert.Contains($"({LengthBytes} bytes)", await _world.QemuImgAsync("info", _world["target"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_leaves_nothing_behind()
    {
        string sockets = Directory.CreateDirectory(_world["s"]).FullName;
        using var world = new TargetWorld { Environment = _world.Environment with { SocketDirectory = sockets } };
        await using BackupTarget target = await world.OpenAsync(world.Describe("target", "qcow2"));
        Assert.Empty(Directory.GetFileSystemEntries(sockets));
    }

    public void Dispose() => _world.Dispose();

    private async Task VerifyAsync(string reference, string path, string format)
    {
        // A name with a colon would be taken for a protocol's, were it not absolute.
        await _world.QemuImgAsync("compare", "-f", "raw", "-F", format, reference, path);
        await _world.QemuImgAsync("check", "-f", format, path);
    }
}
