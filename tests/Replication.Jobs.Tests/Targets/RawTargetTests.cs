using System.Globalization;
using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs.Commands;
using Replication.Jobs.Targets;
using Replication.Testing;

namespace Replication.Jobs.Tests.Targets;

[Collection(TargetWorld.OneByOne)]
public sealed class RawTargetTests : IDisposable
{
    private readonly TargetWorld _world = new();

    [Fact]
    public async Task A_file_is_made_sparse_for_its_owner_alone_and_holds_what_was_written()
    {
        await using BackupTarget target = await _world.OpenAsync(_world.Describe("target"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_world["target"]));
        Extent status = await target.Node.StatusAsync(new BlockRange(0, TargetWorld.LengthBytes));
        Assert.Equal(new Extent(TargetWorld.LengthBytes, ExtentFlags.Hole | ExtentFlags.Zero), status);
        Assert.Equal((64 << 10, true, "raw"), (target.ClusterBytes, target.IsClusterKnown, target.Format));

        await using RawFile reference = RawFile.OpenReadOnly("reference", await _world.FillAsync(target.Node), _world.Workers);
        await BlockAssert.SameAsync(reference, target.Node);
    }

    [Fact]
    public async Task A_file_that_exists_keeps_what_is_not_written()
    {
        byte[] content = DeterministicRandom.Create().Bytes((int)TargetWorld.LengthBytes);
        await File.WriteAllBytesAsync(_world["target"], content);
        await using BackupTarget target = await _world.OpenAsync(_world.Describe("target", "raw") with { Mode = TargetMode.Existing });
        await BlockAssert.ContentAsync(target.Node, 0, content);
    }

    [Fact]
    public async Task What_was_in_a_file_that_is_made_anew_is_gone()
    {
        await File.WriteAllBytesAsync(_world["target"], DeterministicRandom.Create().Bytes(100_000));
        await using BackupTarget target = await _world.OpenAsync(_world.Describe("target"));
        await BlockAssert.FilledAsync(target.Node, new BlockRange(0, TargetWorld.LengthBytes), 0);
    }

    [Theory]
    [InlineData(TargetWorld.LengthBytes - 512, "too small")]
    [InlineData(TargetWorld.LengthBytes + 512, "too large")]
    public async Task A_file_of_another_length_is_refused_and_left_as_it_is(long lengthBytes, string words)
    {
        _world.Directory.CreateFile("target", lengthBytes);
        TargetException refusal = await _world.RefusedAsync(
            _world.Describe("target", "raw") with { Mode = TargetMode.Existing }, TargetTrouble.WrongLength);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(lengthBytes.ToString(CultureInfo.InvariantCulture), refusal.Message, StringComparison.Ordinal);
        Assert.Equal(lengthBytes, new FileInfo(_world["target"]).Length);
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
    }

    [Fact]
    public async Task A_missing_file_is_refused_where_it_has_to_exist()
    {
        await _world.RefusedAsync(_world.Describe("target") with { Mode = TargetMode.Existing }, TargetTrouble.Missing);
        Assert.False(File.Exists(_world["target"]));
    }

    [Fact]
    public async Task Directories_devices_of_characters_and_missing_directories_are_refused()
    {
        await _world.RefusedAsync(_world.Describe("."), TargetTrouble.NotSupported);
        await _world.RefusedAsync(_world.Describe("") with { Target = "/dev/null" }, TargetTrouble.NotSupported);
        await _world.RefusedAsync(_world.Describe("none/target"), TargetTrouble.Missing);
    }

    [Theory]
    [InlineData(TargetMode.Existing)]
    [InlineData(TargetMode.AbsolutePaths)]
    public async Task A_file_that_somebody_uses_is_refused_and_left_as_it_is(TargetMode mode)
    {
        byte[] content = DeterministicRandom.Create().Bytes((int)TargetWorld.LengthBytes);
        await File.WriteAllBytesAsync(_world["target"], content);
        await using (RawFile.Open("disk", _world["target"], _world.Workers))
            await _world.RefusedAsync(_world.Describe("target", "raw") with { Mode = mode }, TargetTrouble.InUse);
        BlockAssert.Equal(content, await File.ReadAllBytesAsync(_world["target"]));
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
    }

    [Fact]
    public async Task A_file_of_the_node_itself_is_refused_by_whatever_name()
    {
        _world.Directory.CreateFile("disk", TargetWorld.LengthBytes);
        File.CreateSymbolicLink(_world["link"], _world["disk"]);
        using var world = new TargetWorld { Environment = _world.Environment with { OwnFiles = [_world["none"], _world["disk"]] } };
        TargetException refusal = await world.RefusedAsync(world.Describe("") with { Target = _world["link"] }, TargetTrouble.InUse);
        Assert.Contains(_world["disk"], refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_raw_image_has_neither_a_backing_file_nor_compression()
    {
        await _world.RefusedAsync(_world.Describe("target") with { BackingFile = "/base" }, TargetTrouble.NotSupported);
        await _world.RefusedAsync(_world.Describe("target") with { Compress = true }, TargetTrouble.NotSupported);
        Assert.False(File.Exists(_world["target"]));
    }

    [Fact]
    public async Task A_block_device_takes_what_is_written()
    {
        string losetup = Programs.Require("losetup");
        string image = _world.Directory.CreateFile("image", TargetWorld.LengthBytes);
        (int exitCode, string output) = await Programs.RunAsync(losetup, "--find", "--show", image);
        Assert.SkipWhen(exitCode != 0, $"no loop device: {output}");
        string device = output.Trim();
        try
        {
            string reference;
            await using (BackupTarget target = await _world.OpenAsync(_world.Describe("") with { Target = device }))
            {
                reference = await _world.FillAsync(target.Node);
                await target.SealAsync();
                await _world.RefusedAsync(_world.Describe("") with { Target = device }, TargetTrouble.InUse);
            }

            await _world.RefusedAsync(_world.Describe("") with { Target = device, LengthBytes = 512 }, TargetTrouble.WrongLength);
            Assert.False(BackupTarget.IsIncomplete(device));
            BlockAssert.Equal(await File.ReadAllBytesAsync(reference), await File.ReadAllBytesAsync(image));
        }
        finally
        {
            await Programs.RunAsync(losetup, "--detach", device);
        }
    }

    public void Dispose() => _world.Dispose();
}
