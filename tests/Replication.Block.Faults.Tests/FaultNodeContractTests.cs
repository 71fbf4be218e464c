using Replication.Testing;

namespace Replication.Block.Faults.Tests;

/// <summary>Without a rule that meets, a fault node is its child.</summary>
public sealed class FaultNodeContractTests : BlockNodeContract
{
    protected override ValueTask<BlockNode> CreateAsync(long lengthBytes) =>
        new(new FaultInjector(TimeProvider.System, FaultRule.Parse("node=other error=EIO")).Decorate(new MemoryNode(lengthBytes)));
}
