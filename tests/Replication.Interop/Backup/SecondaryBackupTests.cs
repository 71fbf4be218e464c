using Colo.Protocol.V1;
using Replication.Interop.Support;

namespace Replication.Interop.Backup;

/// <summary>
/// Backups that the secondary makes of its guest's view, while the primary's guest writes and checkpoints are taken: each image is one checkpoint.
/// </summary>
public sealed class SecondaryBackupTests : InteropTest
{
    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_chain_of_the_view_holds_checkpoints_whatever_follows_them_and_across_a_kill()
    {
        Programs.Require("qemu-img");
        Programs.Require("qemu-nbd");
        Pair pair = await StartPairAsync();
        await using StampingGuest guest = await StampingGuest.StartAsync(pair.Primary, DeterministicRandom.Create());
        await pair.DoAsync("bitmap", "add", "disk0", "daily", "--persistent", "--node", "secondary");
        (int before, int after) = await CheckpointAsync(pair, guest);
        string full = Path.Combine(pair.DirectoryPath, "full.qcow2");
        await pair.DoAsync(
            "backup", "start", "disk0", full, "--format", "qcow2", "--sync", "full", "--speed", "8MiB", "--detach", "--node", "secondary");
        for (int i = 0; i < 3; i++)
            await CheckpointAsync(pair, guest);
        await pair.DoAsync("job", "wait", "disk0", "--node", "secondary");
        Assert.InRange(guest.MomentOf(await BackupImages.ReadAsync(full, "qcow2")), before, after);

        // What the mirror had brought, and no checkpoint had shown.
        await guest.AnswersAsync(50);
        await pair.Secondary.Process.KillAsync();
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        await pair.Secondary.StartAsync();
        await pair.ReplicateAgainAsync();
        (before, after) = await CheckpointAsync(pair, guest);
        string part = Path.Combine(pair.DirectoryPath, "part.qcow2");
        await pair.DoAsync(
            "backup", "start", "disk0", part, "--format", "qcow2", "--backing-file", full, "--backing-format", "qcow2", "--sync", "incremental",
            "--bitmap", "daily", "--node", "secondary");
        Assert.InRange(guest.MomentOf(await BackupImages.ReadAsync(part, "qcow2")), before, after);
        await guest.StopAsync();
    }

    // The last write that is in it lies between the two.
    private static async Task<(int Before, int After)> CheckpointAsync(Pair pair, StampingGuest guest)
    {
        await guest.AnswersAsync(50);
        int before = guest.Answered;
        await pair.CheckpointAgainAsync();
        return (before, guest.Sent);
    }
}
