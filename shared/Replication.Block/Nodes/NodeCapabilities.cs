namespace Replication.Block;

/// <summary>How a node offers a capability; fixed when it is opened.</summary>
public enum Capability
{
    /// <summary>Not at all: the request is refused with ENOTSUP.</summary>
    None,

    /// <summary>By <see cref="BlockNode"/>, out of the node's other operations.</summary>
    Emulated,

    /// <summary>By the node itself.</summary>
    Native,
}

/// <summary>What a node can do besides read, write and flush.</summary>
/// <param name="Fua">Emulated: the write, then a flush.</param>
/// <param name="WriteZeroes">Emulated: writes of zeroes.</param>
/// <param name="Discard">Emulated: write-zeroes that may unmap (our trim always zeroes).</param>
/// <param name="Status">Emulated: everything is data.</param>
public readonly record struct NodeCapabilities(Capability Fua, Capability WriteZeroes, Capability Discard, Capability Status)
{
    /// <summary>Everything by the node itself.</summary>
    public static NodeCapabilities AllNative => new(Capability.Native, Capability.Native, Capability.Native, Capability.Native);

    /// <summary>Read, write and flush are enough for a node that declares this.</summary>
    public static NodeCapabilities AllEmulated => new(Capability.Emulated, Capability.Emulated, Capability.Emulated, Capability.Emulated);
}
