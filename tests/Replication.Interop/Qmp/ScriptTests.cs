using Replication.Interop.Support;

namespace Replication.Interop.Qmp;

public sealed class ScriptTests
{
    private const int TestTimeoutMs = 180_000;

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_script_for_QEMU_finds_the_same_at_a_node()
    {
        IReadOnlyList<string> qemu = await RunAsync(await QmpPeer.QemuAsync());
        IReadOnlyList<string> ours = await RunAsync(await QmpPeer.OursAsync(Binaries.Primary));
        Assert.Equal(string.Join('\n', qemu), string.Join('\n', ours));
    }

    private static async Task<IReadOnlyList<string>> RunAsync(QmpPeer peer)
    {
        await using (peer)
        {
            using QmpScript door = await QmpScript.ConnectAsync(peer.Socket);
            await using var script = new BackupScript(peer, door);
            await script.RunAsync();
            return script.Found;
        }
    }
}
