using System.Threading.Tasks.Sources;
using Replication.Block;
using Replication.Testing;

namespace Replication.Nbd.Tests.Client;

/// <summary>Alone in the process, since allocations of other tests cannot be told from its own.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public class AllocationTests
{
    private const int Requests = 60_000;

    /// <summary>One object a request would be 24; a chunk that the pool makes meanwhile is 4.</summary>
    private const int BoundBytes = 20;

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
        await using var node = new LaterNode();
        await using var server = new TestServer(node);
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

    /// <summary>Completes every request, one at a time, on a thread of its own, as soon as somebody waits for it; allocates nothing.</summary>
    private sealed class LaterNode : BlockNode, IValueTaskSource
    {
        private readonly SemaphoreSlim _awaited = new(0);
        private readonly Thread _thread;
        private ManualResetValueTaskSourceCore<bool> _core;
        private volatile bool _isEnding;

        public LaterNode()
            : base("later", 1 << 20, NodeCapabilities.AllEmulated)
        {
            _thread = new Thread(Run) { IsBackground = true };
            _thread.Start();
        }

        public override ValueTask DisposeAsync()
        {
            _isEnding = true;
            _awaited.Release();
            _thread.Join();
            _awaited.Dispose();
            return base.DisposeAsync();
        }

        ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

        void IValueTaskSource.GetResult(short token)
        {
            _core.GetResult(token);
            _core.Reset();
        }

        void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        {
            _core.OnCompleted(continuation, state, token, flags);
            _awaited.Release();
        }

        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => new(this, _core.Version);

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => new(this, _core.Version);

        protected override ValueTask FlushCore() => default;

        private void Run()
        {
            while (true)
            {
                _awaited.Wait();
                if (_isEnding)
                    return;
                _core.SetResult(true);
            }
        }
    }
}
