using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Colo.Protocol.V1;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Fencing;

/// <summary>A secondary that is stopped or broken, and what of it the primary's guest notices. Invariants No hostage, Fence, Whole.</summary>
public sealed class HungSecondaryTests : InteropTest
{
    private const int MiB = 1 << 20;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied")]
    [InlineData("local")]
    public async Task A_hung_secondary_delays_one_guest_write_by_the_deadline_and_no_more(string acknowledge)
    {
        TimeSpan deadline = TimeSpan.FromMilliseconds(500);
        TimeSpan tolerance = TimeSpan.FromSeconds(1.5); // for a machine that does other things
        Pair pair = await StartPairAsync(new PairOptions { Deadline = "500ms", Acknowledge = acknowledge });
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(primary, 0, 4096, 0x21);
        await pair.Secondary.Process.FreezeAsync();

        TimeSpan first = await TimeAsync(() => Guest.FillAsync(primary, 0, 4096, 0x22));
        if (acknowledge == "local")
            await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        TimeSpan next = await TimeAsync(async () =>
        {
            for (int i = 0; i < 100; i++)
                await Guest.FillAsync(primary, i * 4096, 4096, 0x23);
        });
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{acknowledge}: the write beside a hung secondary took {first.TotalMilliseconds:0} ms (deadline {deadline.TotalMilliseconds} ms, tolerance "
            + $"{tolerance.TotalMilliseconds} ms), the next 100 {next.TotalMilliseconds:0} ms");
        Assert.True(first < deadline + tolerance, $"one write took {first.TotalMilliseconds:0} ms");
        Assert.True(next < tolerance, $"100 writes after it took {next.TotalMilliseconds:0} ms");

        Assert.Equal("detached", await pair.StageAsync("primary"));
        JsonElement detached = Assert.Single(await pair.EventsAsync("primary", "mirror-detached"));
        Assert.NotEmpty(detached.GetProperty("cause").GetString()!);
        (await pair.RunAsync("checkpoint")).Ended(3);
        await pair.Secondary.Process.ThawAsync();
        (await pair.RunAsync("checkpoint")).Refused(4, "checkpoint", "detached");
        await pair.DoAsync("start");
        Assert.Single(await pair.EventsAsync("primary", "mirror-detached"));
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
        await Guest.ReadsAsync(primary, 0, 400 << 10, 0x23);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_checkpoint_beside_a_hung_secondary_fails_and_does_not_hold_the_guest()
    {
        Pair pair = await StartPairAsync(new PairOptions { Deadline = "500ms" });
        long epoch = (await pair.StatusAsync("secondary")).GetProperty("epoch").GetInt64();
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await pair.Secondary.Process.FreezeAsync();
        Task<CommandResult> checkpoint = pair.RunAsync("checkpoint");
        TimeSpan longest = default;
        while (!checkpoint.IsCompleted)
        {
            TimeSpan one = await TimeAsync(() => Guest.FillAsync(primary, 0, 4096, 0x22));
            longest = one > longest ? one : longest;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"the longest write took {longest.TotalMilliseconds:0} ms");
        Assert.True(longest < TimeSpan.FromSeconds(2), $"a write took {longest.TotalMilliseconds:0} ms");
        Assert.NotEqual(0, (await checkpoint).ExitCode);
        await pair.Secondary.Process.ThawAsync();
        Assert.Equal(epoch, (await pair.StatusAsync("secondary")).GetProperty("epoch").GetInt64());
        Assert.Equal(epoch, (await pair.StatusAsync("primary")).GetProperty("epoch").GetInt64());
        Assert.Equal(epoch + 1, (await pair.DoAsync("start")).GetProperty("epoch").GetInt64());
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    /// <summary>Scenario 25.</summary>
    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied")]
    [InlineData("local")]
    public async Task Bytes_of_a_dead_session_never_land_over_those_of_the_next(string acknowledge)
    {
        const int requests = 48;
        Random random = DeterministicRandom.Create();
        Pair pair = await StartPairAsync(new PairOptions { Deadline = "300ms", Acknowledge = acknowledge, DiskLengthsBytes = [8 * MiB] });
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        for (int round = 0; round < 3; round++)
        {
            await pair.Secondary.Process.FreezeAsync();
            // As much as its socket buffers take, and more.
            int[] places = [.. Enumerable.Range(0, requests).Select(_ => random.Next((8 * MiB) - 65536))];
            await Task.WhenAll(places.Select(at => Guest.FillAsync(primary, at, 64 << 10, (byte)(0x80 + round))));
            await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
            foreach (int at in places)
                await Guest.FillAsync(primary, at, 64 << 10, (byte)(0x40 + round));
            byte[] expected = await Guest.ReadAllAsync(primary);

            await pair.Secondary.Process.ThawAsync();
            await pair.DoAsync("start");
            await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
            BlockAssert.Equal(expected, await Guest.ReadAllAsync(secondary));
            await pair.DoAsync("checkpoint");
            BlockAssert.Equal(expected, await Guest.ReadAllAsync(secondary));
        }

        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
        Assert.Equal(3, (await pair.EventsAsync("primary", "mirror-detached")).Count);
    }

    /// <summary>Scenario 24.</summary>
    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Failover_in_the_middle_of_a_resync_shows_the_last_checkpoint(bool primaryDies)
    {
        Random random = DeterministicRandom.Create();
        Pair pair = await StartNodesAsync();
        await pair.DoAsync("start", "--sync", "none");
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
        await primary.WriteAsync(0, random.Bytes(4 * MiB));
        await primary.WriteAsync(9 * MiB, random.Bytes(70_000));
        await pair.DoAsync("checkpoint");
        byte[] checkpoint = await Guest.ReadAllAsync(primary);
        await Guest.FillAsync(secondary, MiB, 5000, 0x77);
        checkpoint.AsSpan(MiB, 5000).Fill(0x77);
        await primary.WriteAsync(2 * MiB, random.Bytes(MiB)); // undone by the hidden disk

        await pair.Secondary.Process.KillAsync();
        await secondary.DisposeAsync();
        for (int at = 0; at < 16; at += 2)
            await primary.WriteAsync(at * MiB, random.Bytes(MiB));
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        // One of the resync's copies takes long enough for all that follows, and no longer than a promotion waits for what is under way (7 s).
        pair.Secondary.Settings["Faults"] = new JsonArray("node=disk0 op=write offset=8MiB length=8MiB count=1 delay=6500ms");
        await pair.Secondary.StartAsync();
        (await pair.RunAsync("checkpoint")).Refused(4, "checkpoint", "detached");

        Task<CommandResult> start = pair.RunAsync("start");
        await pair.CopyingAsync(MiB, start);
        Task<CommandResult> checkpointed = pair.RunAsync("checkpoint");
        if (primaryDies)
        {
            (await checkpointed).Refused(4, "checkpoint");
            await pair.Primary.Process.KillAsync();
        }
        else
        {
            (await pair.RunAsync("failover")).Refused(4, "failover");
            (await checkpointed).Refused(4, "checkpoint");
        }

        Assert.False(start.IsCompleted && (await start).ExitCode == 0, "the resync was too fast for this test");
        JsonElement promoted = primaryDies ? await pair.DoAsync("failover") : await pair.DoAsync("failover", "--force");
        Assert.Equal(!primaryDies, promoted.GetProperty("primaryFenced").GetBoolean());
        Assert.NotEqual(0, (await start).ExitCode);
        await using NbdClientNode guest = await pair.Secondary.ConnectAsync();
        BlockAssert.Equal(checkpoint, await Guest.ReadAllAsync(guest));
        BlockAssert.Equal(checkpoint, DiskFile.Read(pair.Secondary.DiskPaths[0]));
        Assert.Equal("done", await pair.StageAsync("secondary"));
    }

    private static async Task<TimeSpan> TimeAsync(Func<Task> action)
    {
        long began = Stopwatch.GetTimestamp();
        await action();
        return Stopwatch.GetElapsedTime(began);
    }
}
