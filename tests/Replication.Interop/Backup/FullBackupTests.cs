using System.Text.Json;
using Replication.Interop.Support;

namespace Replication.Interop.Backup;

/// <summary>Full backups to each kind of target while the guest writes, the pair replicates, and checkpoints are taken.</summary>
public sealed class FullBackupTests : InteropTest
{
    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("raw")]
    [InlineData("qcow2")]
    [InlineData("compressed")]
    [InlineData("nbd")]
    public async Task A_backup_of_a_disk_whose_guest_writes_on_is_the_disk_at_one_moment(string kind)
    {
        Programs.Require("qemu-img");
        Programs.Require("qemu-nbd");
        Pair pair = await StartPairAsync();
        await using StampingGuest guest = await StampingGuest.StartAsync(pair.Primary, DeterministicRandom.Create());
        await guest.AnswersAsync(100);
        string image = Path.Combine(pair.DirectoryPath, "backup.img");
        await using RunningProcess? server = kind == "nbd" ? await ServeAsync(image, 16 << 20) : null;
        string[] target = kind switch
        {
            "nbd" => [$"nbd+unix:///?socket={image}.sock"],
            "compressed" => [image, "--format", "qcow2", "--compress"],
            _ => [image, "--format", kind],
        };

        // The moment lies between these two; what is left of the second in which all is copied, the guest writes.
        int before = guest.Answered;
        Task<CommandResult> backing = pair.RunAsync(["backup", "start", "disk0", .. target, "--sync", "full", "--speed", "16MiB"]);
        await pair.DoAsync("checkpoint");
        JsonElement job = (await backing).Ended(0).Json;
        int after = guest.Sent;
        await guest.StopAsync();
        Assert.Equal(
            ("primary", "disk0", "concluded", 16L << 20, 16L << 20, JsonValueKind.Null),
            (job.GetProperty("node").GetString(), job.GetProperty("id").GetString(), job.GetProperty("status").GetString(),
                job.GetProperty("lengthBytes").GetInt64(), job.GetProperty("offsetBytes").GetInt64(), job.GetProperty("error").ValueKind));

        if (server is not null)
            await server.KillAsync();
        int moment = guest.MomentOf(await BackupImages.ReadAsync(image, kind is "raw" or "nbd" ? "raw" : "qcow2"));
        Assert.InRange(moment, before, after);
        Assert.Single(await pair.EventsAsync("primary", "job-completed"), e => e.GetProperty("job").GetString() == "disk0");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Two_disks_in_one_transaction_are_backed_up_together()
    {
        Programs.Require("qemu-img");
        Pair pair = await StartPairAsync(new PairOptions { DiskLengthsBytes = [8 << 20, (4 << 20) + 512] });
        await using StampingGuest guest = await StampingGuest.StartAsync(pair.Primary, DeterministicRandom.Create());
        await guest.AnswersAsync(100);
        string file = Path.Combine(pair.DirectoryPath, "transaction.json");
        await File.WriteAllTextAsync(file, Transaction(pair, "disk1"));
        JsonElement dry = (await pair.RunAsync("transaction", file, "--dry-run")).Ended(0).Json;
        Assert.Equal(0, dry.GetProperty("errors").GetArrayLength());
        JsonElement done = await pair.DoAsync("transaction", file, "--completion-mode", "grouped");
        await guest.StopAsync();
        Assert.Equal(["concluded", "concluded"], done.GetProperty("jobs").EnumerateArray().Select(job => job.GetProperty("status").GetString()));
        Assert.True(guest.MomentOf(await BackupImages.ReadAsync(Path.Combine(pair.DirectoryPath, "disk0.qcow2"), "qcow2")) >= 100);
        await BackupImages.EqualsDiskAsync(Path.Combine(pair.DirectoryPath, "disk1.raw"), "raw", pair.Primary.DiskPaths[1]);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_dry_run_tells_every_error_and_a_failed_one_of_a_group_takes_the_other_along()
    {
        Pair pair = await StartNodesAsync(new PairOptions { DiskLengthsBytes = [8 << 20, 4 << 20] });
        string file = Path.Combine(pair.DirectoryPath, "transaction.json");
        await File.WriteAllTextAsync(file, Transaction(pair, "disk9"));
        CommandResult dry = (await pair.RunAsync("transaction", file, "--dry-run")).Ended(4);
        JsonElement error = Assert.Single(JsonDocument.Parse(dry.StandardOutput).RootElement.GetProperty("errors").EnumerateArray());
        Assert.Equal(1, error.GetProperty("action").GetInt32());
        Assert.Contains("disk9", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        (await pair.RunAsync("transaction", file)).Refused(1, "disk9");

        await pair.DoAsync("backup", "start", "disk0", $"{pair.DirectoryPath}/slow.raw", "--sync", "full", "--speed", "1", "--max-chunk", "64KiB", "--detach");
        await pair.DoAsync("job", "pause", "disk0");
        (await pair.RunAsync("job", "finalize", "disk0")).Refused(4, "finalize", "disk0");
        await pair.DoAsync("job", "cancel", "disk0");
        CommandResult waited = (await pair.RunAsync("job", "wait", "disk0")).Ended(1);
        Assert.Contains("was cancelled", waited.StandardError, StringComparison.Ordinal);
        Assert.True(File.Exists($"{pair.DirectoryPath}/slow.raw.incomplete"));
    }

    private static string Transaction(Pair pair, string second) => $$"""
        [ { "type": "drive-backup",
            "data": { "device": "disk0", "target": "{{pair.DirectoryPath}}/disk0.qcow2", "format": "qcow2", "sync": "full", "speed": 16777216 } },
          { "type": "drive-backup", "data": { "device": "{{second}}", "target": "{{pair.DirectoryPath}}/disk1.raw", "sync": "full" } } ]
        """;

    /// <summary>An empty image behind a program's NBD export.</summary>
    private static async Task<RunningProcess> ServeAsync(string image, long lengthBytes)
    {
        await using (FileStream file = File.Create(image))
            file.SetLength(lengthBytes);
        RunningProcess server = RunningProcess.Start("qemu-nbd", "-f", "raw", "-t", "-k", image + ".sock", image);
        await Eventually.TrueAsync(() => File.Exists(image + ".sock"));
        return server;
    }
}
