using System.Diagnostics;
using System.Text.Json;
using Replication.Block;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Links;

/// <summary>What mkfs does first: the whole disk is discarded, or zeroed, at once. Invariants No hostage, Replica, View.</summary>
public sealed class WholeDiskDiscardTests : InteropTest
{
    private const int MiB = 1 << 20;
    private const long DiskBytes = 1L << 30;
    private const int WrittenBytes = 48 * MiB; // of a sparse disk, here and there

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied")]
    [InlineData("local")]
    public async Task A_whole_disk_is_discarded_without_a_detach_and_both_disks_end_equal(string acknowledge)
    {
        Random random = DeterministicRandom.Create();
        var options = new PairOptions
        {
            Acknowledge = acknowledge,
            Deadline = "1s",
            DiskLengthsBytes = [DiskBytes],
            Fill = (_, primary, secondary) => Fill(random, primary, secondary)
        };
        Pair pair = await StartNodesAsync(options);
        await pair.DoAsync("start", "--sync", "none");
        await using NbdClientNode guest = await pair.Primary.ConnectAsync();
        await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
        byte[] before = Poison.Buffer(MiB);
        await secondary.ReadAsync(0, before);
        // Others write meanwhile, in a part that the discards touch too.
        await using GuestLoad load = await GuestLoad.StartAsync(
            pair.Primary, random, new LoadOptions { Depth = 4, ReachBytes = 64 * MiB, Pause = TimeSpan.FromMilliseconds(2) });
        await load.AnswersAsync(50);
        for (int pass = 0; pass < 2; pass++)
        {
            long began = TimeProvider.System.GetTimestamp();
            await (pass == 0 ? guest.DiscardAsync(new BlockRange(0, DiskBytes)) : guest.WriteZeroesAsync(new BlockRange(0, DiskBytes)));
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{acknowledge}: the whole disk took {TimeProvider.System.GetElapsedTime(began).TotalMilliseconds:0} ms");
            await Guest.FillAsync(guest, 100 * MiB, 16 * MiB, 0x77); // the file system's own first writes
            await load.AnswersAsync(200);
        }

        LoadReport report = await load.StopAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"{acknowledge}: {report}");
        await BlockAssert.ContentAsync(secondary, 0, before);
        await pair.DoAsync("checkpoint");
        IReadOnlyList<JsonElement> detached = await pair.EventsAsync("primary", "mirror-detached");
        Assert.True(detached.Count == 0, $"detached: {string.Join("; ", detached)}");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    private static void Fill(Random random, string primary, string secondary)
    {
        using (FileStream file = File.Create(primary))
        {
            file.SetLength(DiskBytes);
            file.Write(random.Bytes(MiB));
            for (int written = MiB; written < WrittenBytes; written += MiB)
            {
                file.Position = random.NextInt64(DiskBytes - MiB);
                file.Write(random.Bytes(MiB));
            }
        }

        // Sparse as well.
        using var copy = Process.Start("cp", ["--sparse=always", primary, secondary]);
        copy.WaitForExit();
        Assert.Equal(0, copy.ExitCode);
    }
}
