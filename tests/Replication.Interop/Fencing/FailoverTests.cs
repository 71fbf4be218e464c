using System.Diagnostics;
using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Block;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Fencing;

/// <summary>Promotion, and what becomes of the old primary, whatever state it is in. Invariant Fence.</summary>
public sealed class FailoverTests : InteropTest
{
    private const int MiB = 1 << 20;

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_living_primary_is_fenced_and_acknowledges_no_write_after_the_failover()
    {
        Pair pair = await StartPairAsync();
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
        await Guest.FillAsync(primary, 0, MiB, 0x22);
        await pair.DoAsync("checkpoint");
        await Guest.FillAsync(primary, 0, MiB, 0x23); // nobody has promised to keep this
        await Guest.FillAsync(secondary, 2 * MiB, MiB, 0x33);

        long lastAcknowledged = 0;
        Task<BlockException> guest = Task.Run(async () =>
        {
            while (true)
            {
                try
                {
                    await Guest.FillAsync(primary, 4 * MiB, 4096, 0x24);
                    Volatile.Write(ref lastAcknowledged, Stopwatch.GetTimestamp());
                }
                catch (BlockException e)
                {
                    return e;
                }
            }
        });
        JsonElement promoted = await pair.DoAsync("failover");
        long returned = Stopwatch.GetTimestamp();
        Assert.True(promoted.GetProperty("primaryFenced").GetBoolean());
        Assert.True(promoted.GetProperty("servingMs").GetDouble() >= 0);
        Assert.True(promoted.GetProperty("committedMs").GetDouble() >= 0);
        Assert.True(promoted.GetProperty("committedBytes").GetInt64() >= 2 * MiB);
        BlockException end = await guest.WaitAsync(TestTimeouts.Patience);
        Assert.True(lastAcknowledged < returned, $"a write was acknowledged after the failover had returned; then: {end}");

        Assert.Equal("fenced", await pair.StageAsync("primary"));
        Assert.Equal("done", await pair.StageAsync("secondary"));
        await BlockAssert.FailsAsync(BlockErrorKind.Io, primary.WriteAsync(0, new byte[4096]));
        await Guest.ReadsAsync(secondary, 0, MiB, 0x22);
        await Guest.ReadsAsync(secondary, MiB, MiB, 0x11);
        await Guest.ReadsAsync(secondary, 2 * MiB, MiB, 0x33);
        await Guest.ReadsAsync(secondary, 3 * MiB, 13 * MiB, 0x11);
        await Guest.FillAsync(secondary, 5 * MiB, MiB, 0x34);
        BlockAssert.Equal(await Guest.ReadAllAsync(secondary), DiskFile.Read(pair.Secondary.DiskPaths[0]));
        Assert.Single(await pair.EventsAsync("primary", "fenced"));
        Assert.Single(await pair.EventsAsync("secondary", "failover-started"));
        Assert.Single(await pair.EventsAsync("secondary", "failover-completed"));
        (await pair.RunAsync("checkpoint")).Refused(4, "checkpoint");
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_secondary_that_was_killed_with_its_primary_takes_over_at_the_last_checkpoint()
    {
        Pair pair = await StartPairAsync();
        await using (NbdClientNode primary = await pair.Primary.ConnectAsync())
        await using (NbdClientNode secondary = await pair.Secondary.ConnectAsync())
        {
            await Guest.FillAsync(primary, 0, MiB, 0x22);
            await pair.DoAsync("checkpoint");
            await Guest.FillAsync(primary, 0, 2 * MiB, 0x23);
            await Guest.FillAsync(secondary, 3 * MiB, MiB, 0x33);
        }

        await pair.Primary.Process.KillAsync();
        await pair.Secondary.Process.KillAsync();
        await pair.Secondary.StartAsync();
        await pair.DoAsync("failover");
        await using NbdClientNode guest = await pair.Secondary.ConnectAsync();
        await Guest.ReadsAsync(guest, 0, MiB, 0x22);
        await Guest.ReadsAsync(guest, MiB, 2 * MiB, 0x11);
        await Guest.ReadsAsync(guest, 3 * MiB, MiB, 0x33);
        await Guest.ReadsAsync(guest, 4 * MiB, 12 * MiB, 0x11);
        BlockAssert.Equal(await Guest.ReadAllAsync(guest), DiskFile.Read(pair.Secondary.DiskPaths[0]));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Failover_can_be_repeated_and_is_the_same_generation()
    {
        Pair pair = await StartPairAsync();
        await pair.Primary.Process.KillAsync();
        JsonElement first = await pair.DoAsync("failover", "--no-wait");
        Assert.Equal(JsonValueKind.Null, first.GetProperty("committedMs").ValueKind);
        Assert.Equal(JsonValueKind.Null, first.GetProperty("committedBytes").ValueKind);
        Assert.False(first.GetProperty("primaryFenced").GetBoolean());
        JsonElement second = await pair.DoAsync("failover");
        Assert.Equal(first.GetProperty("generation").GetInt64(), second.GetProperty("generation").GetInt64());
        Assert.Equal(first.GetProperty("generationId").GetString(), second.GetProperty("generationId").GetString());
        Assert.Equal("done", await pair.StageAsync("secondary"));
        Assert.Single(await pair.EventsAsync("secondary", "failover-started"));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_primary_frozen_through_a_failover_acknowledges_nothing_when_it_wakes()
    {
        Pair pair = await StartPairAsync(new PairOptions { Deadline = "1s" });
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(primary, 0, MiB, 0x22);
        await pair.DoAsync("checkpoint");
        await pair.Primary.Process.FreezeAsync();
        Task[] writes = [.. Enumerable.Range(0, 8).Select(i => primary.WriteAsync(i * 8192, new byte[4096]).AsTask())];

        long began = Stopwatch.GetTimestamp();
        JsonElement promoted = await pair.DoAsync("failover");
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        TestContext.Current.TestOutputHelper?.WriteLine($"failover beside a frozen primary took {took.TotalSeconds:0.0} s");
        Assert.True(
            took < TimeSpan.FromSeconds(12), $"failover waited {took.TotalSeconds:0.0} s for a frozen primary; 5 s are the most, and some for a busy machine");
        Assert.False(promoted.GetProperty("primaryFenced").GetBoolean());

        await pair.Primary.Process.ThawAsync();
        foreach (Task write in writes)
            await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
        await Pair.BecomesAsync(pair.Primary, NodeStage.Fenced);
        await BlockAssert.FailsAsync(BlockErrorKind.Io, primary.WriteAsync(0, new byte[4096]));
        await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
        await Guest.ReadsAsync(secondary, 0, MiB, 0x22);
        Assert.Single(await pair.EventsAsync("primary", "fenced"));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_primary_killed_and_restarted_after_the_failover_is_fenced()
    {
        Pair pair = await StartPairAsync();
        await pair.Primary.Process.KillAsync();
        await pair.DoAsync("failover");
        await pair.Primary.StartAsync();
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await BlockAssert.FailsAsync(BlockErrorKind.Io, primary.WriteAsync(0, new byte[4096]));
        await Pair.BecomesAsync(pair.Primary, NodeStage.Fenced);
        await pair.Primary.Process.KillAsync();
        await pair.Secondary.Process.KillAsync();
        await pair.Primary.StartAsync();
        Assert.Equal("fenced", await pair.StageAsync("primary"));
        await using NbdClientNode again = await pair.Primary.ConnectAsync();
        await BlockAssert.FailsAsync(BlockErrorKind.Io, again.WriteAsync(0, new byte[4096]));
        DiskFile.Equal(pair.Primary.DiskPaths[0], pair.Secondary.DiskPaths[0]);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_restarted_primary_without_its_peer_holds_its_guest_and_then_fails_it()
    {
        Pair pair = await StartPairAsync(new PairOptions { WaitAtStart = "2s" });
        await pair.Secondary.Process.KillAsync();
        await pair.Primary.Process.KillAsync();
        await pair.Primary.StartAsync();
        Assert.Equal("waiting", await pair.StageAsync("primary"));
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await BlockAssert.FailsAsync(BlockErrorKind.Io, primary.WriteAsync(0, new byte[4096]));
        Assert.Equal("waiting", await pair.StageAsync("primary"));
        (await pair.RunAsync("start")).Refused(3, pair.Secondary.Control);

        // The operator's word.
        await pair.DoAsync("failover", "--node", "primary");
        Assert.Equal("standalone", await pair.StageAsync("primary"));
        await Guest.FillAsync(primary, 0, 4096, 0x42);
        await Guest.ReadsAsync(primary, 0, 4096, 0x42);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_restarted_primary_is_confirmed_by_its_peer_and_serves_what_it_has_held()
    {
        Pair pair = await StartPairAsync();
        await pair.Secondary.Process.KillAsync();
        await pair.Primary.Process.KillAsync();
        await pair.Primary.StartAsync();
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        Task held = Guest.FillAsync(primary, 0, 4096, 0x42);
        Assert.Equal("waiting", await pair.StageAsync("primary"));
        Assert.False(held.IsCompleted);
        await pair.Secondary.StartAsync();
        await held.WaitAsync(TestTimeouts.Patience);
        await pair.DoAsync("start");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
        await Guest.ReadsAsync(primary, 0, 4096, 0x42);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task The_primary_goes_on_alone_when_its_secondary_is_dead()
    {
        Pair pair = await StartPairAsync();
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await pair.Secondary.Process.KillAsync();
        await Guest.FillAsync(primary, 0, MiB, 0x22);
        JsonElement alone = await pair.DoAsync("failover", "--node", "primary");
        Assert.True(alone.GetProperty("generation").GetInt64() >= 2);
        JsonElement status = await pair.StatusAsync("primary");
        Assert.Equal("standalone", status.GetProperty("stage").GetString());
        Assert.Equal("none", status.GetProperty("mirror").GetProperty("state").GetString());
        await Guest.FillAsync(primary, MiB, MiB, 0x23);
        await Guest.ReadsAsync(primary, 0, MiB, 0x22);
        (await pair.RunAsync("checkpoint")).Ended(4);

        // It needs no confirmation after a restart.
        await pair.Primary.Process.KillAsync();
        await pair.Primary.StartAsync();
        await using NbdClientNode again = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(again, 2 * MiB, 4096, 0x24);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Failover_beside_a_detached_primary_is_refused_unless_forced()
    {
        Pair pair = await StartPairAsync(new PairOptions { Deadline = "300ms" });
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(primary, 0, MiB, 0x22);
        await pair.DoAsync("checkpoint");
        await pair.Secondary.Process.FreezeAsync();
        await Guest.FillAsync(primary, 0, MiB, 0x23);
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        await pair.Secondary.Process.ThawAsync();

        (await pair.RunAsync("failover")).Refused(4, "failover", "detached");
        Assert.Equal("running", await pair.StageAsync("secondary"));
        await Guest.FillAsync(primary, 0, MiB, 0x24); // the refusal has left the primary as it was

        JsonElement forced = await pair.DoAsync("failover", "--force");
        Assert.True(forced.GetProperty("primaryFenced").GetBoolean());
        Assert.NotEmpty(forced.GetProperty("lost").GetString()!);
        Assert.Equal("fenced", await pair.StageAsync("primary"));
        await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
        await Guest.ReadsAsync(secondary, 0, MiB, 0x22);
    }
}
