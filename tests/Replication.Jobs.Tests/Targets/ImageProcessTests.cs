using System.Globalization;
using System.Text.Json.Nodes;
using Replication.Block;
using Replication.Jobs.Targets;
using Replication.Testing;

namespace Replication.Jobs.Tests.Targets;

[Collection(TargetWorld.OneByOne)]
public sealed class ImageProcessTests : IDisposable
{
    private readonly TargetWorld _world = new();

    public ImageProcessTests()
    {
        Programs.Require("qemu-img");
        Programs.Require("qemu-nbd");
    }

    [Fact]
    public async Task The_process_ends_with_its_target()
    {
        ImageProcess process = await StartAsync();
        Assert.Contains("target", CommandLine(process.Id), StringComparison.Ordinal);
        int id = process.Id;
        await process.DisposeAsync();
        Assert.Equal("", CommandLine(id));
        // Nor is a shell left.
        await Eventually.TrueAsync(() => Processes().Count == 0);
    }

    [Fact]
    public async Task A_kill_of_the_process_fails_requests_instead_of_hanging_them()
    {
        ImageProcess process = await StartAsync();
        await Programs.RunAsync("/bin/kill", "-KILL", process.Id.ToString(CultureInfo.InvariantCulture));
        await BlockAssert.FailsAsync(WriteUntilItFailsAsync(process.Node)).WaitAsync(TestTimeouts.Patience);
        await process.DisposeAsync();
        await Eventually.TrueAsync(() => Processes().Count == 0);
    }

    [Fact]
    public async Task One_that_hangs_is_cut_off_and_its_end_is_not_waited_for()
    {
        ImageProcess process = await StartAsync();
        await Programs.RunAsync("/bin/kill", "-STOP", process.Id.ToString(CultureInfo.InvariantCulture));
        Task writing = process.Node.WriteAsync(0, new byte[4096]).AsTask();
        Assert.False(writing.IsCompleted);
        process.Cut();
        await BlockAssert.FailsAsync(new ValueTask(writing)).WaitAsync(TestTimeouts.Patience);
        long began = TimeProvider.System.GetTimestamp();
        await process.DisposeAsync();
        Assert.True(TimeProvider.System.GetElapsedTime(began) < Limits.ImageCloseDeadline / 2, "its end was waited for");
        process.Cut();
        await Eventually.TrueAsync(() => Processes().Count == 0);
    }

    [Fact]
    public async Task The_process_ends_with_a_killed_node_and_the_image_stays_marked_and_sound()
    {
        string path = _world["target"];
        string self = Environment.ProcessPath!;
        await using (RunningProcess node = RunningProcess.Start("/usr/bin/env", $"{TargetHolder.Variable}={path}", self))
        {
            Assert.Equal("open", await node.ReadLineAsync());
            Assert.NotEmpty(Processes());
            await node.KillAsync();
        }

        await Eventually.TrueAsync(() => Processes().Count == 0);
        Assert.True(BackupTarget.IsIncomplete(path));
        await _world.QemuImgAsync("check", "-f", "qcow2", path);
    }

    [Fact]
    public async Task The_process_ends_with_a_node_that_dies_before_it_has_connected()
    {
        await _world.QemuImgAsync("create", "-q", "-f", "qcow2", _world["target"], "4M");
        using (System.Diagnostics.Process process = ImageProcess.Launch(Programs.Require("qemu-nbd"), _world["socket"], Json))
        {
            await Eventually.TrueAsync(() => File.Exists(_world["socket"]));
            // The kernel does so when the node dies.
            process.StandardInput.Close();
            await process.WaitForExitAsync().WaitAsync(TestTimeouts.Patience);
        }

        await Eventually.TrueAsync(() => Processes().Count == 0);
    }

    public void Dispose() => _world.Dispose();

    private string Json => "json:" + new JsonObject
    {
        ["driver"] = "qcow2",
        ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = _world["target"] },
    }.ToJsonString();

    private async Task<ImageProcess> StartAsync()
    {
        await _world.QemuImgAsync("create", "-q", "-f", "qcow2", _world["target"], "4M");
        return await ImageProcess.StartAsync(_world["target"], Json, _world.Environment, CancellationToken.None);
    }

    private static async ValueTask WriteUntilItFailsAsync(BlockNode node)
    {
        while (true)
            await node.WriteAsync(0, new byte[4096]);
    }

    /// <summary>Processes that have this test's directory in their arguments, but for the ones that look.</summary>
    private List<string> Processes() =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
            .Where(name => int.TryParse(name, CultureInfo.InvariantCulture, out int id) && id != Environment.ProcessId)
            .Select(name => CommandLine(int.Parse(name!, CultureInfo.InvariantCulture)))
            .Where(line => line.Contains(_world.Directory.Path, StringComparison.Ordinal)),
    ];

    private static string CommandLine(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Replace('\0', ' ').Trim();
        }
        catch (IOException)
        {
            return "";
        }
    }
}
