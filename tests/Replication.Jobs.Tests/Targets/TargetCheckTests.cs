using Replication.Jobs.Commands;
using Replication.Jobs.Targets;
using Replication.Testing;

namespace Replication.Jobs.Tests.Targets;

/// <summary>What a dry run finds out about a target, without making or changing anything.</summary>
[Collection(TargetWorld.OneByOne)]
public sealed class TargetCheckTests : IDisposable
{
    private readonly TargetWorld _world = new();

    [Theory]
    [InlineData(null)]
    [InlineData("qcow2")]
    public async Task A_target_that_could_be_made_is_not_made(string? format)
    {
        TargetOutlook outlook = await CheckAsync(_world.Describe("target", format));
        Assert.Equal((_world["target"], TargetWorld.LengthBytes, 64 << 10), (outlook.Identity, outlook.LengthBytes, outlook.ClusterBytes));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_world.Directory.Path));
    }

    [Theory]
    [InlineData(TargetMode.Existing)]
    [InlineData(TargetMode.AbsolutePaths)]
    public async Task One_that_is_there_stays_as_it_is(TargetMode mode)
    {
        string path = _world["target"];
        byte[] content = [.. Enumerable.Repeat((byte)0x5A, (int)TargetWorld.LengthBytes)];
        await File.WriteAllBytesAsync(path, content);
        await CheckAsync(_world.Describe("target") with { Mode = mode });
        await CheckAsync(_world.Describe("target", "raw") with { Mode = mode });
        BlockAssert.Equal(content, await File.ReadAllBytesAsync(path));
        Assert.False(BackupTarget.IsIncomplete(path));
    }

    [Fact]
    public async Task What_opening_would_refuse_is_refused()
    {
        _world.Directory.CreateFile("short", 1 << 20);
        await RefusedAsync(_world.Describe("short") with { Mode = TargetMode.Existing }, TargetTrouble.WrongLength);
        await RefusedAsync(_world.Describe("none") with { Mode = TargetMode.Existing }, TargetTrouble.Missing);
        await RefusedAsync(_world.Describe("none/target"), TargetTrouble.Missing);
        await RefusedAsync(_world.Describe("target", "nonesuch"), TargetTrouble.UnknownFormat);
        await RefusedAsync(_world.Describe("target", "qcow2") with { BackingFile = "none" }, TargetTrouble.Missing);
        await RefusedAsync(_world.Describe("target", "raw") with { BackingFile = "short" }, TargetTrouble.NotSupported);
        await RefusedAsync(_world.Describe("target", "raw") with { Compress = true }, TargetTrouble.NotSupported);
        await RefusedAsync(_world.Describe("nbd+unix:///?socket=/nonesuch"), TargetTrouble.Failed);
        await using (await _world.OpenAsync(_world.Describe("used")))
            await RefusedAsync(_world.Describe("used") with { Mode = TargetMode.Existing }, TargetTrouble.InUse);
    }

    [Fact]
    public async Task A_backing_file_is_looked_for_beside_the_image()
    {
        await _world.QemuImgAsync("create", "-q", "-f", "qcow2", _world["base"], "4M");
        await CheckAsync(_world.Describe("target", "qcow2") with { BackingFile = "base", BackingFormat = "qcow2" });
        Assert.False(File.Exists(_world["target"]));
    }

    public void Dispose() => _world.Dispose();

    private Task<TargetOutlook> CheckAsync(TargetDescription description) =>
        new TargetOpener(description, _world.Environment).CheckAsync(CancellationToken.None);

    private async Task RefusedAsync(TargetDescription description, TargetTrouble trouble)
    {
        TargetException refusal = await Assert.ThrowsAsync<TargetException>(() => CheckAsync(description));
        Assert.True(refusal.Trouble == trouble, refusal.ToString());
    }
}
