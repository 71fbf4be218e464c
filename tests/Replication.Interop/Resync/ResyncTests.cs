using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Resync;

/// <summary>A pair comes back after its secondary was killed: by itself, and by the verb; and what differs is found.</summary>
public sealed class ResyncTests : InteropTest
{
    private const int MiB = 1 << 20;

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_killed_secondary_is_found_again_and_only_what_is_marked_travels()
    {
        Pair pair = await StartPairAsync(new PairOptions { Resync = "auto", DiskLengthsBytes = [16 * MiB, (4 * MiB) + 512] });
        await pair.Secondary.Process.KillAsync();
        await using NbdClientNode guest = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(guest, MiB, 100_000, 0x22);
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        await pair.Secondary.StartAsync();
        await Guest.FillAsync(guest, 8 * MiB, 100_000, 0x33);
        await Pair.BecomesAsync(pair.Primary, NodeStage.Replicating);
        Assert.Equal(1, (await pair.StatusAsync("secondary")).GetProperty("epoch").GetInt64());
        Assert.Single(await pair.EventsAsync("primary", "mirror-detached"));
        JsonElement completed = (await pair.EventsAsync("primary", "resync-completed"))[^1];
        Assert.InRange(completed.GetProperty("syncedBytes").GetInt64(), 1, MiB);
        await pair.DoAsync("checkpoint");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task The_verb_brings_a_pair_back_and_has_nothing_to_do_while_it_replicates()
    {
        Pair pair = await StartNodesAsync();
        (await pair.RunAsync("resync")).Refused(4, "resync", "standalone");
        await pair.DoAsync("start");
        Assert.Equal(0, (await pair.DoAsync("resync")).GetProperty("syncedBytes").GetInt64());
        await pair.Secondary.Process.KillAsync();
        await using NbdClientNode guest = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(guest, MiB, 100_000, 0x22);
        (await pair.RunAsync("resync")).Refused(3, pair.Secondary.Control);
        await pair.Secondary.StartAsync();
        JsonElement resynced = await pair.DoAsync("resync");
        Assert.InRange(resynced.GetProperty("syncedBytes").GetInt64(), 1, MiB);
        Assert.True(resynced.GetProperty("elapsedMs").GetInt64() >= 0);
        Assert.Equal("replicating", await pair.StageAsync("primary"));
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task What_was_changed_behind_the_secondarys_back_is_found_named_and_repaired()
    {
        Pair pair = await StartNodesAsync();
        (await pair.RunAsync("verify")).Refused(4, "verify", "standalone");
        await pair.DoAsync("start");
        Assert.Equal(0, (await pair.DoAsync("verify")).GetProperty("differingBytes").GetInt64());
        await using (FileStream disk = File.Open(pair.Secondary.DiskPaths[0], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            disk.Position = (3 * MiB) + 5;
            disk.WriteByte(0x99);
        }

        CommandResult different = (await pair.RunAsync("verify")).Ended(1);
        Assert.Equal((4096, 0), (different.Json.GetProperty("differingBytes").GetInt64(), different.Json.GetProperty("repairedBytes").GetInt64()));
        JsonElement error = Assert.Single((await pair.DoAsync("errors")).GetProperty("errors").EnumerateArray());
        Assert.Equal(("primary", 4, "disk0", 3L * MiB),
            (error.GetProperty("node").GetString(), error.GetProperty("case").GetInt32(),
             error.GetProperty("disk").GetString(), error.GetProperty("offsetBytes").GetInt64()));
        Assert.Equal(1, (await pair.DoAsync("errors", "--acknowledge", "all")).GetProperty("acknowledged").GetInt64());
        Assert.Equal(JsonValueKind.Null, (await pair.StatusAsync("primary")).GetProperty("error").ValueKind);
        Assert.Equal(4096, (await pair.DoAsync("verify", "--repair")).GetProperty("repairedBytes").GetInt64());
        Assert.Equal(0, (await pair.DoAsync("verify")).GetProperty("differingBytes").GetInt64());
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }
}
