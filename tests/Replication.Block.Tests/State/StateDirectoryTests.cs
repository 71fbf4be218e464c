using Replication.Block.Files;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.State;

public sealed class StateDirectoryTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly BlockingWorkers _workers = new("test", 1);

    private string StatePath => _directory["state"];

    [Fact]
    public async Task A_new_directory_is_made_for_its_owner_alone()
    {
        await using StateDirectory state = await OpenAsync();
        Assert.Null(state.Manifest);
        Assert.Null(state.Record.Current);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(StatePath));
    }

    [Fact]
    public async Task A_directory_in_use_is_refused()
    {
        await using StateDirectory state = await OpenAsync();
        StateException refused = await Assert.ThrowsAsync<StateException>(OpenAsync);
        Assert.Equal($"state directory {StatePath} is in use by another process", refused.Message);
    }

    [Fact]
    public async Task Manifest_and_record_come_back()
    {
        Manifest manifest = Example();
        await using (StateDirectory state = await OpenAsync())
        {
            state.SaveManifest(manifest);
            await state.Record.WriteAsync(Record(manifest, generation: 2));
        }

        await using StateDirectory reopened = await OpenAsync();
        Assert.Equal(manifest.History, reopened.Manifest!.History);
        Assert.Equal(manifest.Disks, reopened.Manifest.Disks);
        Assert.Equal((manifest.Group, manifest.GroupId, manifest.Role, manifest.BootId),
            (reopened.Manifest.Group, reopened.Manifest.GroupId, reopened.Manifest.Role, reopened.Manifest.BootId));
        Assert.Equal(2UL, reopened.Record.Current!.GenerationNumber);
    }

    [Fact]
    public async Task A_generation_that_the_record_has_not_reached_is_dropped()
    {
        Manifest manifest = Example();
        await using (StateDirectory state = await OpenAsync())
        {
            state.SaveManifest(manifest);
            await state.Record.WriteAsync(Record(manifest, generation: 1));
        }

        await using StateDirectory reopened = await OpenAsync();
        Assert.Equal(manifest.History.Take(1), reopened.Manifest!.History);
    }

    [Fact]
    public async Task A_damaged_manifest_and_one_of_an_unknown_version_are_refused()
    {
        Manifest manifest = Example();
        await using (StateDirectory state = await OpenAsync())
            state.SaveManifest(manifest);
        string path = Path.Combine(StatePath, Manifest.FileName);
        byte[] content = await File.ReadAllBytesAsync(path);
        content[^2] ^= 1;
        await File.WriteAllBytesAsync(path, content);
        Assert.Contains("damaged", (await Assert.ThrowsAsync<StateException>(OpenAsync)).Message, StringComparison.Ordinal);
        content[8] = 9;
        await File.WriteAllBytesAsync(path, content);
        Assert.Contains("version 9", (await Assert.ThrowsAsync<StateException>(OpenAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_left_in_the_middle_of_its_making_is_begun_again()
    {
        Directory.CreateDirectory(StatePath);
        await File.WriteAllBytesAsync(Path.Combine(StatePath, EpochRecordFile.FileName), []);
        await using StateDirectory state = await OpenAsync();
        Assert.Null(state.Record.Current);
    }

    public void Dispose()
    {
        _workers.Dispose();
        _directory.Dispose();
    }

    private async Task<StateDirectory> OpenAsync() => await StateDirectory.OpenAsync(new FileStore(StatePath, _workers));

    private static Manifest Example()
    {
        Generation first = Generation.First(Guid.NewGuid());
        return new Manifest
        {
            Group = "vm1",
            GroupId = Guid.NewGuid(),
            Role = NodeRole.Secondary,
            History = [first, first.Next(Guid.NewGuid(), 17)],
            Disks = [new ManifestDisk("disk0", 67109376), new ManifestDisk("disk.1", 512)],
            BootId = BootId.Read(),
        };
    }

    private static EpochRecord Record(Manifest manifest, ulong generation) => new()
    {
        GroupId = manifest.GroupId,
        GenerationNumber = generation,
        GenerationId = manifest.History[(int)generation - 1].Id,
        Epoch = 1,
        Stage = NodeStage.Running,
    };
}
