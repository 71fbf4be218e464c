using Replication.Block;
using Replication.Testing;

namespace Replication.Nbd.Tests.Client;

/// <summary>Alone in the process, since allocations of other tests cannot be told from its own.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public class AllocationTests
{
    private const int Requests = 60_000;

    /// <summary>An object for every other request would be 12; a chunk that the pool makes meanwhile is 4.</summary>
    private const int BoundBytes = 11;

    [Fact]
    public async Task A_request_costs_no_allocation_on_either_side()
    {
        await using var server = new TestServer(new MemoryNode(1 << 20));
        await using NbdClientNode client = await NbdClient.ConnectAsync(server.Unix, "");
        byte[] data = new byte[4096];
        await RunAsync(client, data);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await RunAsync(client, data);
        Assert.InRange((GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Requests, 0, BoundBytes);
    }

    [Fact]
    public async Task A_request_that_the_node_completes_later_costs_no_allocation_of_ours()
    {
        await using var server = new TestServer(new LaterNode());
        await using NbdClientNode client = await NbdClient.ConnectAsync(server.Unix, "");
        byte[] data = new byte[4096];
        await RunAsync(client, data);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await RunAsync(client, data);
        Assert.InRange((GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Requests, 0, BoundBytes);
    }

    /// <summary>On a thread of the pool: the test framework's synchronisation context would allocate for every continuation.</summary>
    private static Task RunAsync(NbdClientNode client, byte[] data) => Task.Run(async () =>
    {
        for (int i = 0; i < Requests / 2; i++)
        {
            await client.WriteAsync(0, data);
            await client.ReadAsync(4096, data);
        }
    });

    /// <summary>Completes every request on another thread, without an allocation of its own.</summary>
    private sealed class LaterNode() : BlockNode("later", 1 << 20, NodeCapabilities.AllEmulated)
    {
        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => Later();

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => Later();

        protected override ValueTask FlushCore() => default;

        [System.Runtime.CompilerServices.AsyncMethodBuilder(typeof(System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder))]
        private static async ValueTask Later() => await Task.Yield();
    }
}
