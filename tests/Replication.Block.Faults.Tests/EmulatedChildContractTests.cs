using Replication.Testing;

namespace Replication.Block.Faults.Tests;

/// <summary>The same over a child whose zeroing, FUA and status are emulated.</summary>
public sealed class EmulatedChildContractTests : BlockNodeContract
{
    protected override ValueTask<BlockNode> CreateAsync(long lengthBytes) =>
        new(new FaultInjector(TimeProvider.System).Decorate(new MemoryNode(lengthBytes, capabilities: NodeCapabilities.AllEmulated)));
}
