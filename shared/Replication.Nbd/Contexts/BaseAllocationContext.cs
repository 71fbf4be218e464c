using Replication.Block;

namespace Replication.Nbd;

/// <summary>The block node's own status, which has the bits of <c>base:allocation</c>.</summary>
internal sealed class BaseAllocationContext(BlockNode node) : INbdMetaContext
{
    public string Name => NbdContextNames.BaseAllocation;

    public async ValueTask<NbdExtent> StatusAsync(BlockRange range)
    {
        Extent extent = await node.StatusAsync(range);
        return new NbdExtent(extent.LengthBytes, (uint)extent.Flags);
    }
}
