using Replication.Block;

namespace Replication.Nbd;

/// <summary>Something that an export can tell about each part of its disk, besides the data.</summary>
public interface INbdMetaContext
{
    /// <summary>Namespace and leaf, as clients ask for it; constant.</summary>
    string Name { get; }

    /// <summary>
    /// The status of the extent that begins at the range's offset, no longer than the range. The range is not empty and lies within the disk. Called by several
    /// connections at once, on their threads.
    /// </summary>
    /// <exception cref="BlockException">It cannot be told; the client gets the error.</exception>
    ValueTask<NbdExtent> StatusAsync(BlockRange range);
}
