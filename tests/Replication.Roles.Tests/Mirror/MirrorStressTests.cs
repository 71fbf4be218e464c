using Replication.Block;
using Replication.Block.Quorums;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>Real threads on both sides: overlapping guest writes, copies, and a peer that answers out of order.</summary>
public sealed class MirrorStressTests
{
    private const int DiskBytes = 512 << 10;

    [Theory]
    [InlineData(Acknowledge.Applied)]
    [InlineData(Acknowledge.Local)]
    public async Task Overlapping_writes_of_many_threads_leave_equal_disks(Acknowledge acknowledge)
    {
        int seed = DeterministicRandom.Create().Next();
        ShufflingNode? peer = null;
        await using var f = await MirrorFixture.AttachedAsync(Options(acknowledge), DiskBytes, peer: disk => peer = new ShufflingNode(disk, seed));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() => WriteAsync(f.Quorum, new Random(seed + thread), 4000))))
            .WaitAsync(TestTimeouts.Patience);
        Assert.Equal(DrainResult.Drained, await f.Session.DrainAsync(TestTimeouts.Patience).WaitAsync(TestTimeouts.Patience));
        await f.AssertSameAsync();
        Assert.Empty(f.Observer.Losses);
        await peer!.DisposeAsync();
    }

    [Fact]
    public async Task A_session_that_dies_under_load_releases_everybody_and_every_buffer()
    {
        int seed = DeterministicRandom.Create().Next();
        for (int round = 0; round < 20; round++)
        {
            ShufflingNode? peer = null;
            await using var f = await MirrorFixture.AttachedAsync(Options(Acknowledge.Applied), DiskBytes, peer: disk => peer = new ShufflingNode(disk, seed));
            Task[] guests = [.. Enumerable.Range(0, 3).Select(thread => Task.Run(() => WriteAsync(f.Quorum, new Random(seed + thread), 500)))];
            await Eventually.TrueAsync(() => f.Session.AnsweredWrites > 50);
            f.Connection.Die("killed by the test");
            await Task.WhenAll(guests).WaitAsync(TestTimeouts.Patience);
            Assert.Single(f.Observer.Losses);
            await peer!.DisposeAsync();
            await Eventually.TrueAsync(() => f.Session.UnansweredForwards == 0);
        }
    }

    private static MirrorSessionOptions Options(Acknowledge acknowledge) => new() { Acknowledge = acknowledge, WindowBytes = 256 << 10 };

    private static async Task WriteAsync(Quorum quorum, Random random, int count)
    {
        var inFlight = new List<Task>();
        for (int i = 0; i < count; i++)
        {
            int lengthBytes = random.Next(1, 12_000);
            int offset = random.Next(DiskBytes - lengthBytes);
            inFlight.Add(random.Next(10) switch
            {
                0 => quorum.WriteZeroesAsync(new BlockRange(offset, lengthBytes)).AsTask(),
                1 => quorum.DiscardAsync(new BlockRange(offset, lengthBytes)).AsTask(),
                _ => quorum.WriteAsync(offset, random.Bytes(lengthBytes)).AsTask(),
            });
            if (inFlight.Count < 16)
                continue;
            await Task.WhenAll(inFlight);
            inFlight.Clear();
        }

        await Task.WhenAll(inFlight);
    }
}
