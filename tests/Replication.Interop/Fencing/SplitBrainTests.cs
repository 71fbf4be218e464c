using System.Text.Json;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Fencing;

/// <summary>Both nodes were told to go on while neither could ask the other.</summary>
public sealed class SplitBrainTests : InteropTest
{
    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Two_heads_are_told_by_the_primary_itself_and_again_after_its_restart(bool primaryFirst)
    {
        Pair pair = await StartPairAsync(new PairOptions { WaitAtStart = "2s" });
        if (primaryFirst)
        {
            await pair.DoAsync("failover", "--node", "primary");
            await pair.Primary.Process.FreezeAsync();
            await pair.DoAsync("failover", "--timeout", "1s");
            Assert.Empty(await pair.EventsAsync("secondary", "split-brain"));
            await pair.Primary.Process.ThawAsync();
        }
        else
        {
            await pair.Primary.Process.KillAsync();
            await pair.DoAsync("failover");
            await pair.Secondary.Process.FreezeAsync();
            await pair.Primary.StartAsync();
            await pair.DoAsync("failover", "--node", "primary");
            Assert.Empty(await pair.EventsAsync("primary", "split-brain"));
            await pair.Secondary.Process.ThawAsync();
        }

        JsonElement told = await ToldAsync(pair, times: 1);
        string ours = (await pair.StatusAsync("primary")).GetProperty("generationId").GetString()!;
        string theirs = (await pair.StatusAsync("secondary")).GetProperty("generationId").GetString()!;
        Assert.Contains(ours, told.GetProperty("ours").GetString(), StringComparison.Ordinal);
        Assert.Contains(theirs, told.GetProperty("theirs").GetString(), StringComparison.Ordinal);
        Assert.NotEqual(ours, theirs);

        await pair.Primary.Process.KillAsync();
        await pair.Primary.StartAsync();
        await ToldAsync(pair, times: 2);
        (await pair.RunAsync("start")).Refused(4, "start", ours, theirs);
        Assert.Equal(2, (await pair.EventsAsync("primary", "split-brain")).Count);

        // Each goes on serving its guest.
        Assert.Equal("standalone", await pair.StageAsync("primary"));
        Assert.Equal("done", await pair.StageAsync("secondary"));
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
        await Guest.FillAsync(primary, 0, 4096, 0x41);
        await Guest.FillAsync(secondary, 0, 4096, 0x42);
        await Guest.ReadsAsync(primary, 0, 4096, 0x41);
        await Guest.ReadsAsync(secondary, 0, 4096, 0x42);
    }

    private static async Task<JsonElement> ToldAsync(Pair pair, int times)
    {
        long until = Environment.TickCount64 + 60_000;
        while (true)
        {
            IReadOnlyList<JsonElement> told = await pair.EventsAsync("primary", "split-brain");
            if (told.Count == times)
                return told[^1];
            Assert.True(told.Count < times && Environment.TickCount64 < until, $"the primary has told of two heads {told.Count} times");
            await Task.Delay(200);
        }
    }
}
