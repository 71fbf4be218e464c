using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

public sealed class OverlayDirectoryTests
{
    [Fact]
    public async Task An_overlay_directory_of_another_group_is_refused_and_keeps_its_overlays()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.View().WriteAsync(0, Filled(0x42));
        await pair.Secondary!.DisposeAsync();
        StateException refusal = await Assert.ThrowsAsync<StateException>(pair.OpenStrangerAsync);
        Assert.Equal(StatePlace.OverlayDirectory, refusal.Place);
        Assert.Contains("belongs to group 'vm1', the configuration says 'vm2'", refusal.Message, StringComparison.Ordinal);
        await pair.OpenSecondaryAsync();
        await BlockAssert.FilledAsync(pair.View(), new Block.BlockRange(0, 4096), 0x42);
    }

    private static byte[] Filled(byte value)
    {
        byte[] content = new byte[4096];
        Array.Fill(content, value);
        return content;
    }
}
