using Replication.Interop.Support;

namespace Replication.Interop.Backup;

/// <summary>Backups on the secondary of the disk below the view, which the mirror writes.</summary>
public sealed class SecondaryDiskBackupTests : InteropTest
{
    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_chain_of_it_is_each_time_the_disk_at_one_moment_over_checkpoints()
    {
        const string device = "disk0.secondary";
        Programs.Require("qemu-img");
        Programs.Require("qemu-nbd");
        Pair pair = await StartPairAsync();
        await using StampingGuest guest = await StampingGuest.StartAsync(pair.Primary, DeterministicRandom.Create());
        await guest.AnswersAsync(100);
        await pair.DoAsync("checkpoint");
        string full = Path.Combine(pair.DirectoryPath, "full.qcow2");
        string file = Path.Combine(pair.DirectoryPath, "begin.json");
        await File.WriteAllTextAsync(
            file,
            $$"""
            [ { "type": "block-dirty-bitmap-add", "data": { "node": "{{device}}", "name": "daily", "persistent": true } },
              { "type": "drive-backup",
                "data": { "device": "{{device}}", "job-id": "full", "target": "{{full}}", "format": "qcow2", "sync": "full", "speed": 16777216 } } ]
            """);
        await pair.DoAsync("transaction", file, "--node", "secondary", "--detach");
        int begun = guest.Sent;
        await guest.AnswersAsync(50);
        await pair.DoAsync("checkpoint");
        (await pair.RunAsync("job", "wait", "full", "--node", "secondary")).Ended(0);
        int first = guest.MomentOf(await BackupImages.ReadAsync(full, "qcow2"));
        Assert.InRange(first, 100, begun);

        await guest.AnswersAsync(50);
        int before = guest.Answered;
        await pair.DoAsync("checkpoint");
        string incremental = Path.Combine(pair.DirectoryPath, "incremental.qcow2");
        await pair.DoAsync(
            "backup", "start", device, incremental, "--node", "secondary", "--job-id", "incremental", "--sync", "incremental", "--bitmap", "daily",
            "--format", "qcow2", "--backing-file", full, "--backing-format", "qcow2");
        Assert.InRange(guest.MomentOf(await BackupImages.ReadAsync(incremental, "qcow2")), before, guest.Sent);
        await guest.StopAsync();
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }
}
