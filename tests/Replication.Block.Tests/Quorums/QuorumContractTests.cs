using Replication.Block.Locks;
using Replication.Block.Quorums;
using Replication.Testing;

namespace Replication.Block.Tests.Quorums;

/// <summary>A secondary's guest side: one child, no gate.</summary>
public sealed class ThinQuorumContractTests : BlockNodeContract
{
    [Fact]
    public async Task It_adds_no_allocation_to_its_childs_requests()
    {
        var quorum = new Quorum("quorum0", new MemoryNode(1 << 20), new GuestAdmission());
        byte[] buffer = new byte[4096];
        await quorum.WriteAsync(0, buffer);
        await quorum.ReadAsync(0, buffer);
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool atOnce = true;
        for (int i = 0; i < 100; i++)
            atOnce &= quorum.WriteAsync(0, buffer).IsCompletedSuccessfully && quorum.ReadAsync(0, buffer).IsCompletedSuccessfully;
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(atOnce);
    }

    protected override ValueTask<BlockNode> CreateAsync(long lengthBytes) => new(new Quorum("quorum0", new MemoryNode(lengthBytes), new GuestAdmission()));
}

/// <summary>A primary that is alone.</summary>
public sealed class LoneQuorumContractTests : BlockNodeContract
{
    protected override ValueTask<BlockNode> CreateAsync(long lengthBytes) =>
        new(new Quorum("quorum0", new MemoryNode(lengthBytes), new GuestAdmission(), new GroupGate(TimeProvider.System), new NoObserver()));

    private sealed class NoObserver : IQuorumObserver
    {
        public void LocalFailed(Quorum quorum, BlockException failure) => Assert.Fail(failure.Message);

        public void ForwardFailed(Quorum quorum, BlockException failure, bool localFailedToo) => Assert.Fail(failure.Message);
    }
}
