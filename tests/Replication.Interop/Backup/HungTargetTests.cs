using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Backup;

/// <summary>A backup's target that does not answer any more.</summary>
public sealed class HungTargetTests : InteropTest
{
    // Far more than the node's patience with its jobs and its guests, and far less than a hang.
    private static readonly TimeSpan s_end = TimeSpan.FromSeconds(60);

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_node_ends_in_order_though_a_guests_write_waits_for_a_server_that_is_stopped()
    {
        Programs.Require("qemu-nbd");
        Pair pair = await StartNodesAsync();
        string image = Path.Combine(pair.DirectoryPath, "backup.img");
        await using (FileStream file = File.Create(image))
            file.SetLength(new FileInfo(pair.Primary.DiskPaths[0]).Length);
        await using RunningProcess server = RunningProcess.Start("qemu-nbd", "-f", "raw", "-t", "-k", image + ".sock", image);
        await Eventually.TrueAsync(() => File.Exists(image + ".sock"));
        await using NbdClientNode disk = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(disk, 0, 64 << 10, 0x11);
        await pair.DoAsync("backup", "start", "disk0", $"nbd+unix:///?socket={image}.sock", "--sync", "none", "--detach");
        await server.SignalAsync("STOP");

        Task writing = Guest.FillAsync(disk, 0, 4096, 0x22);
        // The node has taken the write when it answers what comes behind it.
        await Guest.ReadsAsync(disk, 1 << 20, 4096, 0x11);
        Assert.False(writing.IsCompleted);
        long began = TimeProvider.System.GetTimestamp();
        Assert.Equal(0, await pair.Primary.Process.TerminateAsync());
        Assert.True(TimeProvider.System.GetElapsedTime(began) < s_end, pair.Logs());
        // It was answered, or its connection has ended.
        await Task.WhenAny(writing).WaitAsync(TestTimeouts.Patience);
        await server.SignalAsync("CONT");
    }
}
