using System.Text.Json;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.EndToEnd;

/// <summary>The verbs in the order in which a user meets them.</summary>
public sealed class LifeOfAPairTests : InteropTest
{
    private const int MiB = 1 << 20;

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Writes_become_visible_on_the_secondary_with_the_checkpoint_and_both_disks_end_equal()
    {
        Pair pair = await StartNodesAsync(new PairOptions { DiskLengthsBytes = [16 * MiB, (4 * MiB) + 512] });

        JsonElement started = await pair.DoAsync("start");
        Assert.True(started.GetProperty("generation").GetInt64() >= 1);
        Assert.Equal(JsonValueKind.String, started.GetProperty("generationId").ValueKind);
        Assert.Equal(JsonValueKind.Number, started.GetProperty("syncedBytes").ValueKind);
        Assert.True(started.GetProperty("elapsedMs").GetDouble() >= 0);
        long epoch = started.GetProperty("epoch").GetInt64();
        Assert.Equal(epoch, (await pair.StatusAsync("primary")).GetProperty("epoch").GetInt64());
        Assert.Equal(epoch, (await pair.StatusAsync("secondary")).GetProperty("epoch").GetInt64());

        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
        await Guest.FillAsync(primary, 0, MiB, 0x22);
        await Guest.FillAsync(primary, (8 * MiB) - 3, 7, 0x23); // across two blocks, aligned to nothing
        await Guest.ReadsAsync(secondary, 0, 16 * MiB, 0x11);
        await Guest.ReadsAsync(primary, 0, MiB, 0x22);

        JsonElement checkpoint = await pair.DoAsync("checkpoint");
        Assert.Equal(epoch + 1, checkpoint.GetProperty("epoch").GetInt64());
        Assert.True(checkpoint.GetProperty("elapsedMs").GetDouble() >= 0);
        Assert.Equal(JsonValueKind.Number, checkpoint.GetProperty("drainedBytes").ValueKind);
        foreach (string phase in new[] { "holdMs", "drainMs", "commitMs" })
            Assert.True(checkpoint.GetProperty("phases").GetProperty(phase).GetDouble() >= 0);
        foreach (string side in new[] { "primary", "secondary" })
            Assert.Equal(epoch + 1, (await pair.StatusAsync(side)).GetProperty("epoch").GetInt64());

        await Guest.FillAsync(primary, 0, MiB, 0x33);
        await Guest.ReadsAsync(secondary, 0, MiB, 0x22);
        await Guest.ReadsAsync(secondary, MiB, (7 * MiB) - 3, 0x11);
        await Guest.ReadsAsync(secondary, (8 * MiB) - 3, 7, 0x23);
        await Guest.ReadsAsync(secondary, (8 * MiB) + 4, (8 * MiB) - 4, 0x11);

        JsonElement stopped = await pair.DoAsync("stop");
        Assert.Equal(epoch + 2, stopped.GetProperty("epoch").GetInt64());
        Assert.Equal("stopped", await pair.StageAsync("primary"));
        Assert.Equal("stopped", await pair.StageAsync("secondary"));
        await Guest.ReadsAsync(secondary, 0, MiB, 0x33);
        await BlockAssert.FailsAsync(secondary.WriteAsync(0, new byte[512]));
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_checkpoint_takes_the_secondary_guests_earlier_writes_and_keeps_its_later_ones()
    {
        Pair pair = await StartPairAsync();
        await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
        await Guest.FillAsync(secondary, 4097, 5000, 0x44);
        await Guest.ReadsAsync(secondary, 4097, 5000, 0x44);
        JsonElement disk = (await pair.StatusAsync("secondary")).GetProperty("disks")[0];
        Assert.True(disk.GetProperty("activeBytes").GetInt64() > 0, disk.ToString());

        await pair.DoAsync("checkpoint");
        disk = (await pair.StatusAsync("secondary")).GetProperty("disks")[0];
        Assert.Equal(0, disk.GetProperty("activeBytes").GetInt64());
        Assert.Equal(0, disk.GetProperty("hiddenBytes").GetInt64());
        await Guest.ReadsAsync(secondary, 0, 16 * MiB, 0x11);
        await Guest.FillAsync(secondary, 4097, 5000, 0x45);
        await Guest.ReadsAsync(secondary, 4097, 5000, 0x45);
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await Guest.ReadsAsync(primary, 0, 16 * MiB, 0x11);
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_stopped_pair_starts_again_and_sends_only_what_differs()
    {
        Pair pair = await StartPairAsync();
        await pair.DoAsync("stop");
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(primary, MiB, 64 << 10, 0x55);
        JsonElement again = await pair.DoAsync("start");
        Assert.InRange(again.GetProperty("syncedBytes").GetInt64(), 64 << 10, 8 * MiB);
        await Guest.FillAsync(primary, 2 * MiB, 64 << 10, 0x56);
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("auto")]
    [InlineData("full")]
    public async Task The_first_sync_makes_an_unknown_secondary_equal_while_the_guest_writes(string sync)
    {
        Pair pair = await StartNodesAsync(new PairOptions
        {
            DiskLengthsBytes = [16 * MiB],
            // Stale data where the primary has a hole, other data elsewhere.
            Fill = (_, primary, secondary) =>
            {
                DiskFile.Fill(secondary, 16 * MiB, 0x99);
                using FileStream file = File.Create(primary);
                file.SetLength(16 * MiB);
                file.Position = 5 * MiB;
                file.Write(new Random(5).Bytes(3 * MiB));
            },
        });
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        using var stop = new CancellationTokenSource();
        Task guest = Task.Run(async () =>
        {
            Random random = DeterministicRandom.Create();
            while (!stop.IsCancellationRequested)
                await primary.WriteAsync(random.Next(15 * MiB), random.Bytes(random.Next(1, 40_000)));
        });
        await pair.DoAsync("start", "--sync", sync);
        await stop.CancelAsync();
        await guest;
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Start_survives_a_first_commit_that_takes_longer_than_the_deadline()
    {
        Pair pair = await StartNodesAsync(new PairOptions { Deadline = "300ms", SecondaryFaults = ["node=record op=write delay=500ms"] });
        JsonElement started = await pair.DoAsync("start");
        foreach (string side in new[] { "primary", "secondary" })
            Assert.Equal(started.GetProperty("epoch").GetInt64(), (await pair.StatusAsync(side)).GetProperty("epoch").GetInt64());
        Assert.Equal("replicating", await pair.StageAsync("primary"));
        Assert.Single(await pair.EventsAsync("secondary", "checkpoint"));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Sync_none_trusts_equal_disks_and_sends_nothing()
    {
        Pair pair = await StartNodesAsync();
        Assert.Equal(0, (await pair.DoAsync("start", "--sync", "none")).GetProperty("syncedBytes").GetInt64());
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(primary, 0, MiB, 0x66);
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Sigterm_ends_both_nodes_with_0_and_the_pair_comes_back()
    {
        Pair pair = await StartPairAsync();
        await using (NbdClientNode primary = await pair.Primary.ConnectAsync())
            await Guest.FillAsync(primary, 0, MiB, 0x77);
        long epoch = (await pair.StatusAsync("secondary")).GetProperty("epoch").GetInt64();
        Assert.Equal(0, await pair.Primary.Process.TerminateAsync());
        Assert.Equal(0, await pair.Secondary.Process.TerminateAsync());
        await pair.Secondary.StartAsync();
        Assert.Equal(epoch, (await pair.StatusAsync("secondary")).GetProperty("epoch").GetInt64());
        Assert.Equal("running", await pair.StageAsync("secondary"));
        await pair.Primary.StartAsync();
        await pair.DoAsync("start");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
        await using NbdClientNode again = await pair.Secondary.ConnectAsync();
        await Guest.ReadsAsync(again, 0, MiB, 0x77);
    }
}
