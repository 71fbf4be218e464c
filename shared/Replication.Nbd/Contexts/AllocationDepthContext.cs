using Replication.Block;

namespace Replication.Nbd;

/// <summary>Which layer of an export's chain holds each part of the disk: see <see cref="NbdContextNames.AllocationDepth"/>.</summary>
/// <param name="depth">Tells the depth as the flags of the extent that begins at the range's offset; as <see cref="INbdMetaContext.StatusAsync"/>.</param>
public sealed class AllocationDepthContext(Func<BlockRange, ValueTask<NbdExtent>> depth) : INbdMetaContext
{
    /// <summary>Of a disk without a layer below it: holes are its own as well.</summary>
    public static AllocationDepthContext OfOneLayer { get; } = new(range => new ValueTask<NbdExtent>(new NbdExtent(range.LengthBytes, 1)));

    public string Name => NbdContextNames.AllocationDepth;

    public ValueTask<NbdExtent> StatusAsync(BlockRange range) => depth(range);
}
