using System.Text.Json;
using Replication.Interop.Support;

namespace Replication.Interop.Backup;

/// <summary>Chains of a full backup and incremental ones, restored by QEMU's programs; and what kill -9 leaves of them.</summary>
public sealed class IncrementalBackupTests : InteropTest
{
    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_image_of_a_chain_is_the_disk_at_its_moment(bool compressed)
    {
        Programs.Require("qemu-img");
        Programs.Require("qemu-nbd");
        Pair pair = await StartPairAsync();
        await using StampingGuest guest = await StampingGuest.StartAsync(pair.Primary, DeterministicRandom.Create());
        await guest.AnswersAsync(100);
        await BeginChainAsync(pair);
        string newest = Image(pair, 0);
        int last = guest.MomentOf(await BackupImages.ReadAsync(newest, "qcow2"));
        string[] compress = compressed ? ["--compress"] : [];
        for (int i = 1; i <= 3; i++)
        {
            await guest.AnswersAsync(50);
            await pair.DoAsync("checkpoint");
            int before = guest.Answered;
            await pair.DoAsync([.. Incremental(pair, i), "--speed", "4MiB", .. compress]);
            newest = Image(pair, i);
            int moment = guest.MomentOf(await BackupImages.ReadAsync(newest, "qcow2"));
            Assert.InRange(moment, before, guest.Sent);
            Assert.True(moment > last, $"{moment} comes after {last}");
            last = moment;
        }

        await guest.StopAsync();
        await pair.DoAsync([.. Incremental(pair, 4), .. compress]);
        await BackupImages.EqualsDiskAsync(Image(pair, 4), "qcow2", pair.Primary.DiskPaths[0]);
        Assert.Equal(0, (await DailyAsync(pair)).GetProperty("countBytes").GetInt64());
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task What_fio_writes_verifies_while_backups_go_to_every_target_and_the_chain_is_the_disk()
    {
        Programs.Require("fio");
        Programs.Require("qemu-img");
        Programs.Require("qemu-nbd");
        Pair pair = await StartPairAsync();
        await BeginChainAsync(pair);
        Task<string> fio = Command.RequireAsync(
            "fio", "--name=guest", "--ioengine=nbd", $"--uri={pair.Primary.Guest with { ExportName = "disk0" }}", "--iodepth=16",
            $"--randseed={DeterministicRandom.Create().Next()}", "--thread", "--output-format=terse", "--bssplit=512/10:1k/10:4k/50:12k/20:64k/10",
            "--rw=randwrite", "--verify=crc32c", "--verify_fatal=1", "--serialize_overlap=1", "--size=16m");
        int i = 0;
        do
        {
            i++;
            await pair.DoAsync(Incremental(pair, i));
            await pair.DoAsync("backup", "start", "disk0", $"{pair.DirectoryPath}/full{i}.raw", "--sync", "full");
            await pair.DoAsync("backup", "start", "disk0", $"{pair.DirectoryPath}/full{i}.qcow2", "--sync", "full", "--format", "qcow2", "--compress");
        }
        while (!fio.IsCompleted);
        await fio;
        await pair.DoAsync(Incremental(pair, i + 1));
        await BackupImages.EqualsDiskAsync(Image(pair, i + 1), "qcow2", pair.Primary.DiskPaths[0]);
        for (int image = 0; image <= i + 1; image++)
            await Command.RequireAsync("qemu-img", "check", "-f", "qcow2", Image(pair, image));
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("full")]
    [InlineData("incremental")]
    public async Task A_kill_in_the_middle_leaves_a_target_that_says_so_and_a_bitmap_that_lacks_nothing(string sync)
    {
        Programs.Require("qemu-img");
        Programs.Require("qemu-io");
        Programs.Require("qemu-nbd");
        Pair pair = await StartNodesAsync();
        await BeginChainAsync(pair);
        await WriteAsync(pair, "write -P 0x21 0 1M", "write -P 0x22 5M 1M");
        string killed = Path.Combine(pair.DirectoryPath, "killed.raw");
        File.Copy(pair.Primary.DiskPaths[0], killed);
        string[] bitmap = sync == "incremental" ? ["--bitmap", "daily"] : [];
        await pair.DoAsync(
            ["backup", "start", "disk0", killed, "--mode", "existing", "--format", "raw", "--sync", sync, .. bitmap,
             "--speed", "64KiB", "--max-chunk", "64KiB", "--detach"]);
        await WriteAsync(pair, "write -P 0x23 9M 64k");
        await pair.Primary.Process.KillAsync();
        Assert.True(File.Exists(killed + ".incomplete"));

        await pair.Primary.StartAsync();
        Assert.Equal(0, (await pair.DoAsync("job", "list", "--node", "primary")).GetProperty("jobs").GetArrayLength());
        JsonElement daily = await DailyAsync(pair);
        Assert.Equal(
            (true, false, false),
            (daily.GetProperty("recording").GetBoolean(), daily.GetProperty("busy").GetBoolean(), daily.GetProperty("inconsistent").GetBoolean()));
        Assert.InRange(daily.GetProperty("countBytes").GetInt64(), (2 << 20) + 65536, 16 << 20);
        (await pair.RunAsync("backup", "start", "disk0", killed, "--mode", "existing", "--format", "raw", "--sync", "incremental", "--bitmap", "daily"))
            .Refused(1, killed, "incomplete");
        await WriteAsync(pair, "write -P 0x24 12M 64k");
        await pair.DoAsync(Incremental(pair, 1));
        await BackupImages.EqualsDiskAsync(Image(pair, 1), "qcow2", pair.Primary.DiskPaths[0]);

        // A full backup makes it good.
        await pair.DoAsync("backup", "start", "disk0", killed, "--mode", "existing", "--format", "raw", "--sync", "full");
        Assert.False(File.Exists(killed + ".incomplete"));
        await BackupImages.EqualsDiskAsync(killed, "raw", pair.Primary.DiskPaths[0]);
    }

    /// <summary>A bitmap and a full backup that begin at one moment.</summary>
    private static async Task BeginChainAsync(Pair pair)
    {
        string file = Path.Combine(pair.DirectoryPath, "begin.json");
        await File.WriteAllTextAsync(
            file,
            $$"""
            { "actions": [
                { "type": "block-dirty-bitmap-add", "data": { "node": "disk0", "name": "daily", "persistent": true } },
                { "type": "drive-backup", "data": { "device": "disk0", "target": "{{Image(pair, 0)}}", "format": "qcow2", "sync": "full" } } ],
              "properties": { "completion-mode": "grouped" } }
            """);
        await pair.DoAsync("transaction", file);
    }

    private static string Image(Pair pair, int number) => Path.Combine(pair.DirectoryPath, $"chain{number}.qcow2");

    private static string[] Incremental(Pair pair, int number) =>
    [
        "backup", "start", "disk0", Image(pair, number), "--format", "qcow2", "--backing-file", Image(pair, number - 1), "--backing-format", "qcow2", "--sync",
        "incremental", "--bitmap", "daily",
    ];

    private static async Task<JsonElement> DailyAsync(Pair pair) =>
        Assert.Single((await pair.DoAsync("bitmap", "list", "--node", "primary")).GetProperty("bitmaps").EnumerateArray());

    private static Task WriteAsync(Pair pair, params string[] commands) =>
        QemuIo.RunAsync((pair.Primary.Guest with { ExportName = "disk0" }).ToString(), [.. commands, "flush"]);
}
