using Replication.Block.Secondary;
using Replication.Nbd;
using Replication.Roles.Secondary;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

public sealed class SecondarySessionTests
{
    [Fact]
    public async Task A_session_whose_write_hangs_in_the_disk_ends_at_the_limit_and_has_drained_when_the_disk_answers()
    {
        using var directory = new TempDirectory();
        NbdAddress address = NbdAddress.Parse($"nbd+unix:///?socket={directory["mirror.sock"]}");
        var disk = new DeferredNode(new MemoryNode(1 << 20, "disk0"));
        NbdExport[] exports = [new("disk0@1", disk), new("disk1@1", new MemoryNode(1 << 20, "disk1"))];
        var session = new SecondarySession(new MirrorSessionState(Guid.NewGuid()), exports);
        await using var server = new NbdServer([new NbdListener(address)], new ExportCatalog(exports));
        server.Start();
        await using NbdClientNode hung = await NbdClient.ConnectAsync(address, "disk0@1");
        await using NbdClientNode other = await NbdClient.ConnectAsync(address, "disk1@1");
        Task write = hung.WriteAsync(0, new byte[512]).AsTask();
        await disk.WaitForPendingAsync();

        Assert.False(await session.EndAsync("over", TimeSpan.FromMilliseconds(20), TimeProvider.System));
        Assert.True(session.State.Revoked);
        // The hung disk does not keep another one's connection open.
        await Assert.ThrowsAsync<Block.BlockException>(() => other.WriteAsync(0, new byte[512]).AsTask()).WaitAsync(TestTimeouts.Patience);
        Assert.False(await session.WaitForEndAsync(TimeSpan.FromMilliseconds(20), TimeProvider.System));
        await disk.ReleaseAllAsync();
        Assert.True(await session.WaitForEndAsync(TestTimeouts.Patience, TimeProvider.System));
        Assert.True(await session.EndAsync("again", TimeSpan.Zero, TimeProvider.System));
        await Task.WhenAny(write);
    }
}
