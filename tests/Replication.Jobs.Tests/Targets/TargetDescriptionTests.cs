using Replication.Block.Files;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Jobs.Targets;

namespace Replication.Jobs.Tests.Targets;

[Collection(TargetWorld.OneByOne)]
public sealed class TargetDescriptionTests : IDisposable
{
    private readonly TargetWorld _world = new();

    private BackupCommand Command => new() { Device = "disk0", Target = _world["target"], Sync = BackupSync.Full };

    [Fact]
    public async Task A_command_opens_its_target_and_tells_what_it_is_underneath()
    {
        string real = _world.Directory.CreateFile("target", TargetWorld.LengthBytes);
        File.CreateSymbolicLink(_world["link"], real);
        BackupCommand command = Command with { Target = _world["link"], Format = "raw", Mode = TargetMode.Existing };
        await using BackupTarget target = await BackupTarget.OpenAsync(command, TargetWorld.LengthBytes, _world.Environment);
        Assert.Equal(FileIdentity.Resolve(real), target.Identity);
        Assert.Equal(_world["link"], target.Node.Name);
    }

    [Fact]
    public async Task A_refusal_is_a_generic_error_of_the_command_in_one_line()
    {
        BackupCommand command = Command with { Mode = TargetMode.Existing };
        JobException refusal = await Assert.ThrowsAsync<JobException>(
            () => BackupTarget.OpenAsync(command, TargetWorld.LengthBytes, _world.Environment));
        Assert.Equal((JobErrorClass.GenericError, $"target {_world["target"]}: does not exist"), (refusal.Class, refusal.Message));
    }

    [Theory]
    [InlineData(BackupSync.Full, "Whole", false)]
    [InlineData(BackupSync.Top, "Part", false)]
    [InlineData(BackupSync.Bitmap, "Part", false)]
    [InlineData(BackupSync.Incremental, "Part", false)]
    [InlineData(BackupSync.None, "Scratch", true)]
    public void What_is_copied_decides_what_the_target_is_used_for(BackupSync sync, string use, bool backingIsNode)
    {
        var description = TargetDescription.Of(Command with { Sync = sync }, 512);
        Assert.Equal((use, backingIsNode), (description.Use.ToString(), description.BackingIsNode));
    }

    public void Dispose() => _world.Dispose();
}
