using Replication.Testing;

namespace Replication.Block.Tests;

public sealed class MemoryNodeTests : BlockNodeContract
{
    protected override ValueTask<BlockNode> CreateAsync(long lengthBytes) => new(new MemoryNode(lengthBytes));
}
