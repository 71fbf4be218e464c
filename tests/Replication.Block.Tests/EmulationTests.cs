using Replication.Testing;

namespace Replication.Block.Tests;

/// <summary>The base class's emulation of what a node lacks.</summary>
public sealed class EmulationTests : BlockNodeContract
{
    [Fact]
    public async Task Fua_is_a_write_and_a_flush()
    {
        var node = new MemoryNode(8192, capabilities: NodeCapabilities.AllEmulated);
        await node.WriteAsync(0, new byte[512], WriteFlags.Fua);
        Assert.Equal(1, node.Counts[BlockOperation.Flush]);
    }

    protected override ValueTask<BlockNode> CreateAsync(long lengthBytes) => new(new MemoryNode(lengthBytes, capabilities: NodeCapabilities.AllEmulated));
}
