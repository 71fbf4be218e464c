using Colo.Protocol.V1;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Durability;

/// <summary><c>Overlay:Spill</c> with real processes: an epoch that is larger than its directory.</summary>
public sealed class OverlaySpillTests : InteropTest
{
    private const int MiB = 1 << 20;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("process")]
    [InlineData("power")]
    public async Task An_epoch_that_is_larger_than_its_directory_goes_on_in_the_second_one(string durability)
    {
        Pair pair = await StartPairAsync(new PairOptions { Durability = durability, OverlayLimit = "2MiB", HasSpill = true, Unix = true });
        await pair.DoAsync("checkpoint");
        await using (NbdClientNode guest = await pair.Primary.ConnectAsync())
        {
            for (int at = 0; at < 6; at++)
                await Guest.FillAsync(guest, at * MiB, MiB, 0x22);
        }

        await using (NbdClientNode view = await pair.Secondary.ConnectAsync())
        {
            await Guest.FillAsync(view, 8 * MiB, MiB, 0x44);
            await Guest.ReadsAsync(view, 0, 6 * MiB, 0x11);
        }

        Assert.Empty(await pair.EventsAsync("primary", "mirror-detached"));
        Assert.NotEmpty(Directory.EnumerateFiles(pair.SpillPath, "*.data"));

        // Killed and restarted it finds both directories' part, and promotes what they show together.
        await pair.Secondary.Process.KillAsync();
        await pair.Secondary.StartAsync();
        await pair.Primary.Process.KillAsync();
        await pair.DoAsync("failover");
        await Pair.BecomesAsync(pair.Secondary, NodeStage.Done);
        await using NbdClientNode promoted = await pair.Secondary.ConnectAsync();
        await Guest.ReadsAsync(promoted, 0, 6 * MiB, 0x11);
        await Guest.ReadsAsync(promoted, 8 * MiB, MiB, 0x44);
        await Guest.ReadsAsync(promoted, 12 * MiB, MiB, 0x11);
        Assert.Empty(Directory.EnumerateFiles(pair.SpillPath, "*.data"));
    }
}
