using Replication.Interop.Support;

namespace Replication.Interop.Fio;

/// <summary>A deep queue of random writes from fio while the pair replicates; then the two disks, byte for byte.</summary>
public sealed class FioTests : InteropTest
{
    private const string Depth = "--iodepth=32";

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied", "--bs=4k")]
    [InlineData("local", "--bs=4k")]
    [InlineData("applied", "--bssplit=512/10:1k/10:4k/50:12k/20:64k/10")]
    [InlineData("local", "--bssplit=512/10:1k/10:4k/50:12k/20:64k/10")]
    public async Task What_fio_wrote_verifies_through_the_export_and_both_disks_are_equal(string acknowledge, string blockSizes)
    {
        Programs.Require("fio");
        Pair pair = await StartPairAsync(new PairOptions { Acknowledge = acknowledge });
        Task writing = FioAsync(pair, blockSizes, "--rw=randwrite", "--verify=crc32c", "--verify_fatal=1", "--serialize_overlap=1", "--size=16m");
        await CheckpointUntilAsync(pair, writing);
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied", "--bs=4k")]
    [InlineData("local", "--bs=4k")]
    [InlineData("applied", "--bssplit=512/30:4k/30:12k/20:64k/20")]
    [InlineData("local", "--bssplit=512/30:4k/30:12k/20:64k/20")]
    public async Task Overlapping_writes_in_flight_end_the_same_on_both_disks(string acknowledge, string blockSizes)
    {
        Programs.Require("fio");
        Pair pair = await StartPairAsync(new PairOptions { Acknowledge = acknowledge });
        // 32 requests at once in 512 KiB, from each of two connections, aligned to sectors only: most of them overlap others.
        Task writing = FioAsync(
            pair, blockSizes, "--rw=randwrite", "--blockalign=512", "--norandommap", "--randrepeat=0", "--size=512k", "--io_size=24m", "--numjobs=2",
            "--group_reporting");
        await CheckpointUntilAsync(pair, writing);
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task The_secondarys_guest_verifies_its_own_writes_while_the_primary_writes()
    {
        Programs.Require("fio");
        Pair pair = await StartPairAsync();
        Task primary = FioAsync(pair, "--bs=4k", "--rw=randwrite", "--norandommap", "--size=16m", "--io_size=24m");
        await FioAsync(pair.Secondary, "--bs=4k", "--rw=randwrite", "--verify=crc32c", "--verify_fatal=1", "--serialize_overlap=1", "--size=16m");
        await primary;
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    /// <summary>Checkpoints under load, at least one of them.</summary>
    private static async Task CheckpointUntilAsync(Pair pair, Task load)
    {
        do
            await pair.DoAsync("checkpoint");
        while (!load.IsCompleted);
        await load;
    }

    private static Task<string> FioAsync(Pair pair, params string[] options) => FioAsync(pair.Primary, options);

    private static Task<string> FioAsync(Node node, params string[] options)
    {
        int seed = DeterministicRandom.Create().Next();
        return Command.RequireAsync(
            "fio",
            ["--name=guest", "--ioengine=nbd", $"--uri={node.Guest with { ExportName = "disk0" }}", Depth, $"--randseed={seed}",
             "--thread", "--output-format=terse", .. options]);
    }
}
