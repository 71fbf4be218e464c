using Replication.Block.Overlay;
using Replication.Testing;

namespace Replication.Block.Tests.Overlay;

public sealed class GroupFlushTests
{
    [Fact]
    public async Task Everybody_who_comes_during_a_flush_shares_the_next_one()
    {
        var gates = new Queue<TaskCompletionSource>();
        var node = new HookNode(new MemoryNode(4096))
        {
            Before = (_, _) =>
            {
                var gate = new TaskCompletionSource();
                gates.Enqueue(gate);
                return gate.Task;
            },
        };
        var flush = new GroupFlush(node);
        Task first = flush.FlushAsync();
        Task second = flush.FlushAsync();
        Task third = flush.FlushAsync();
        gates.Dequeue().SetResult();
        await first;
        Assert.False(second.IsCompleted);
        Assert.Single(gates).SetResult();
        await Task.WhenAll(second, third);
        Assert.Single(gates);
    }

    [Fact]
    public async Task A_failed_flush_fails_those_whom_it_served_and_nobody_later()
    {
        var node = new HookNode(new MemoryNode(4096));
        node.Fail(BlockOperation.Flush);
        var flush = new GroupFlush(node);
        await Assert.ThrowsAsync<BlockException>(flush.FlushAsync);
        node.Before = null;
        await flush.FlushAsync();
    }
}
