using Replication.Jobs.Commands;
using Replication.Jobs.Targets;

namespace Replication.Jobs.Tests.Targets;

[Collection(TargetWorld.OneByOne)]
public sealed class IncompleteMarkerTests : IDisposable
{
    private readonly TargetWorld _world = new();

    [Theory]
    [InlineData(TargetMode.AbsolutePaths)]
    [InlineData(TargetMode.Existing)]
    public async Task A_target_is_marked_from_before_its_first_byte_until_it_is_sealed(TargetMode mode)
    {
        string path = _world.Directory.CreateFile("target", TargetWorld.LengthBytes);
        await using (BackupTarget target = await _world.OpenAsync(_world.Describe("target", "raw") with { Mode = mode }))
        {
            Assert.True(BackupTarget.IsIncomplete(path));
            await target.Node.WriteAsync(0, new byte[512]);
            await target.SealAsync();
            Assert.False(BackupTarget.IsIncomplete(path));
        }

        Assert.Equal([path], Directory.GetFiles(_world.Directory.Path));
    }

    [Fact]
    public async Task A_target_that_is_closed_without_a_seal_stays_marked_and_the_mark_says_what_it_is()
    {
        await using (BackupTarget target = await _world.OpenAsync(_world.Describe("target")))
            await target.Node.FlushAsync();
        Assert.True(BackupTarget.IsIncomplete(_world["target"]));
        Assert.Contains("has not been completed", await File.ReadAllTextAsync(_world["target"] + ".incomplete"), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_world["target"] + ".incomplete"));
    }

    [Fact]
    public async Task A_part_is_not_put_on_top_of_what_is_incomplete_but_a_whole_backup_makes_it_good()
    {
        await (await _world.OpenAsync(_world.Describe("target"))).DisposeAsync();
        TargetDescription again = _world.Describe("target", "raw") with { Mode = TargetMode.Existing };
        await _world.RefusedAsync(again with { Use = TargetUse.Part }, TargetTrouble.Incomplete);
        await using (BackupTarget target = await _world.OpenAsync(again with { Use = TargetUse.Whole }))
            await target.SealAsync();
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
        await using BackupTarget part = await _world.OpenAsync(again with { Use = TargetUse.Part });
        Assert.True(BackupTarget.IsIncomplete(_world["target"]));
    }

    [Fact]
    public async Task A_seal_that_a_kill_has_left_behind_its_decision_is_completed_at_the_next_start_unless_another_backup_has_begun()
    {
        TargetSeal seal;
        await using (BackupTarget target = await _world.OpenAsync(_world.Describe("target")))
            seal = (await target.PrepareSealAsync())!;
        Assert.True(BackupTarget.IsIncomplete(_world["target"]));
        Assert.True(BackupTarget.Complete(seal, _world.Workers));
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
        await using (await _world.OpenAsync(_world.Describe("target", "raw") with { Mode = TargetMode.Existing }))
            Assert.True(BackupTarget.Complete(seal, _world.Workers));
        Assert.True(BackupTarget.IsIncomplete(_world["target"]));
    }

    [Fact]
    public async Task A_seal_in_two_steps_ends_like_one_in_one()
    {
        await using BackupTarget target = await _world.OpenAsync(_world.Describe("target"));
        Assert.NotNull(await target.PrepareSealAsync());
        Assert.True(BackupTarget.IsIncomplete(_world["target"]));
        Assert.True(target.CompleteSeal());
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
    }

    [Fact]
    public async Task A_scratch_target_is_never_marked()
    {
        await using BackupTarget target = await _world.OpenAsync(_world.Describe("target") with { Use = TargetUse.Scratch });
        Assert.False(BackupTarget.IsIncomplete(_world["target"]));
        await target.SealAsync();
    }

    [Fact]
    public async Task A_target_that_cannot_be_marked_is_refused_before_it_loses_what_it_holds()
    {
        string path = _world.Directory.CreateFile("target", TargetWorld.LengthBytes);
        await File.WriteAllTextAsync(path, "content");
        Directory.CreateDirectory(path + ".incomplete");
        await _world.RefusedAsync(_world.Describe("target"), TargetTrouble.Failed);
        Assert.Equal("content", await File.ReadAllTextAsync(path));
    }

    public void Dispose() => _world.Dispose();
}
