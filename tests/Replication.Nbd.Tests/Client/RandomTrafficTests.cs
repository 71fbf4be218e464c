using System.Runtime.CompilerServices;
using Replication.Block;
using Replication.Testing;

namespace Replication.Nbd.Tests.Client;

/// <summary>Everything at once: sizes from a byte to a megabyte, requests that complete at once and later, many in flight, several connections.</summary>
public class RandomTrafficTests
{
    private const int RegionBytes = 2 << 20;
    private const int Workers = 16;
    private const int Rounds = 60;

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public async Task Random_traffic_keeps_every_byte(bool tcp, bool structured)
    {
        Random seeds = DeterministicRandom.Create();
        var disk = new MemoryNode(Workers * RegionBytes);
        await using var server = new TestServer(new SometimesLaterNode(disk, seeds.Next()));
        var options = new NbdClientOptions { Structured = structured };
        await using NbdClientNode first = await NbdClient.ConnectAsync(tcp ? server.Tcp : server.Unix, "", options);
        await using NbdClientNode second = await NbdClient.ConnectAsync(tcp ? server.Tcp : server.Unix, "", options);
        byte[] model = new byte[disk.LengthBytes];
        int[] workerSeeds = [.. Enumerable.Range(0, Workers).Select(_ => seeds.Next())];
        await Task.WhenAll(workerSeeds.Select((seed, i) => Task.Run(() => WorkAsync(i % 2 == 0 ? first : second, model, i * RegionBytes, seed)))).WaitAsync(
            TestTimeouts.Patience);
        BlockAssert.Equal(model, disk.Snapshot());
    }

    /// <summary>One worker's region is its own; it keeps the model of it.</summary>
    private static async Task WorkAsync(NbdClientNode client, byte[] model, int regionStart, int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < Rounds; round++)
        {
            int length = random.Next(4) == 0 ? random.Next(1, 1 << 20) : random.Next(1, 20_000);
            int offset = regionStart + random.Next(RegionBytes - length);
            switch (random.Next(5))
            {
                case 0 or 1:
                    byte[] data = random.Bytes(length);
                    data.CopyTo(model, offset);
                    await client.WriteAsync(offset, data, random.Next(10) == 0 ? WriteFlags.Fua : WriteFlags.None);
                    Array.Fill(data, Poison.Value);
                    break;
                case 2:
                    model.AsSpan(offset, length).Clear();
                    await client.WriteZeroesAsync(new BlockRange(offset, length));
                    break;
                case 3:
                    await client.FlushAsync();
                    break;
                default:
                    byte[] buffer = Poison.Buffer(length);
                    await client.ReadAsync(offset, buffer);
                    BlockAssert.Equal(model.AsSpan(offset, length), buffer, offset);
                    break;
            }
        }
    }

    private sealed class SometimesLaterNode(BlockNode child, int seed) : BlockNode("later", child.LengthBytes, NodeCapabilities.AllNative)
    {
        private int _state = seed; // Only a source of variety: races on it do no harm.

        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) =>
            IsLater ? Later(() => child.ReadAsync(offsetBytes, buffer)) : child.ReadAsync(offsetBytes, buffer);

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
            IsLater ? Later(() => child.WriteAsync(offsetBytes, data, flags)) : child.WriteAsync(offsetBytes, data, flags);

        protected override ValueTask FlushCore() => IsLater ? Later(child.FlushAsync) : child.FlushAsync();

        protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) =>
            IsLater ? Later(() => child.WriteZeroesAsync(range, flags)) : child.WriteZeroesAsync(range, flags);

        protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => child.DiscardAsync(range, flags);

        protected override ValueTask<Extent> StatusCore(BlockRange range) => child.StatusAsync(range);

        private bool IsLater => ((_state = (_state * 1_103_515_245) + 12_345) & 0x10000) != 0;

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        private static async ValueTask Later(Func<ValueTask> request)
        {
            await Task.Yield();
            await request();
        }
    }
}
