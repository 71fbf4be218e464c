using Replication.Jobs.Targets;
using Replication.Nbd;
using Replication.Testing;

namespace Replication.Jobs.Tests.Targets;

[Collection(TargetWorld.OneByOne)]
public sealed class NbdTargetTests : IDisposable
{
    private readonly TargetWorld _world = new();

    private string Address => NbdAddress.Unix(_world["socket"]).ToString();

    [Fact]
    public async Task An_export_takes_what_is_written()
    {
        string disk = _world.Directory.CreateFile("disk", TargetWorld.LengthBytes);
        await using RunningProcess server = await ServeAsync(disk);
        await using BackupTarget target = await _world.OpenAsync(_world.Describe(Address));
        Assert.Equal((64 << 10, false), (target.ClusterBytes, target.IsClusterKnown));
        string reference = await _world.FillAsync(target.Node);
        await target.SealAsync();
        BlockAssert.Equal(await File.ReadAllBytesAsync(reference), await File.ReadAllBytesAsync(disk));
    }

    [Fact]
    public async Task A_server_that_hangs_is_cut_off()
    {
        await using RunningProcess server = await ServeAsync(_world.Directory.CreateFile("disk", TargetWorld.LengthBytes));
        await using BackupTarget target = await _world.OpenAsync(_world.Describe(Address));
        await Programs.RunAsync("/bin/kill", "-STOP", server.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Task writing = target.Node.WriteAsync(0, new byte[4096]).AsTask();
        Task flushing = target.SealAsync().AsTask();
        Assert.False(writing.IsCompleted || flushing.IsCompleted);
        target.Cut();
        await BlockAssert.FailsAsync(new ValueTask(writing)).WaitAsync(TestTimeouts.Patience);
        await BlockAssert.FailsAsync(new ValueTask(flushing)).WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_read_only_export_is_refused()
    {
        await using RunningProcess server = await ServeAsync(_world.Directory.CreateFile("disk", TargetWorld.LengthBytes), "--read-only");
        await _world.RefusedAsync(_world.Describe(Address), TargetTrouble.NoPermission);
    }

    [Fact]
    public async Task An_export_of_another_length_is_refused()
    {
        await using RunningProcess server = await ServeAsync(_world.Directory.CreateFile("disk", 1 << 20));
        await _world.RefusedAsync(_world.Describe(Address), TargetTrouble.WrongLength);
    }

    [Fact]
    public async Task A_server_that_is_not_there_an_address_that_is_none_and_an_export_of_ours_are_refused()
    {
        await _world.RefusedAsync(_world.Describe(Address), TargetTrouble.Failed);
        await _world.RefusedAsync(_world.Describe("http://host/disk"), TargetTrouble.NotSupported);
        await _world.RefusedAsync(_world.Describe(Address, "qcow2"), TargetTrouble.NotSupported);
        await _world.RefusedAsync(_world.Describe(Address) with { Compress = true }, TargetTrouble.NotSupported);
        using var world = new TargetWorld { Environment = _world.Environment with { IsOwnExport = address => address.ExportName == "disk0" } };
        await world.RefusedAsync(world.Describe("nbd://localhost/disk0"), TargetTrouble.InUse);
    }

    public void Dispose() => _world.Dispose();

    private async Task<RunningProcess> ServeAsync(string disk, params string[] options)
    {
        RunningProcess server = RunningProcess.Start(
            Programs.Require("qemu-nbd"), ["--persistent", "--format=raw", "--discard=unmap", "--socket", _world["socket"], .. options, disk]);
        await Eventually.TrueAsync(() => server.HasExited || CanConnect());
        Assert.False(server.HasExited, server.Output);
        return server;

        bool CanConnect()
        {
            try
            {
                NbdClient.ConnectAsync(NbdAddress.Unix(_world["socket"]), "").GetAwaiter().GetResult().DisposeAsync().AsTask().Wait();
                return true;
            }
            catch (NbdConnectException)
            {
                return false; // It has not opened its socket yet.
            }
        }
    }
}
