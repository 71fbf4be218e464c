namespace Replication.Nbd;

/// <summary>Names of the metadata contexts that block status can tell.</summary>
public static class NbdContextNames
{
    /// <summary>Bit 0: a hole; bit 1: reads as zeroes.</summary>
    public const string BaseAllocation = "base:allocation";

    /// <summary>The layer of the chain that holds the data: 1 is the disk's own, 2 the one below it, and so on; 0 is none.</summary>
    public const string AllocationDepth = "qemu:allocation-depth";

    internal const string BaseNamespace = "base:";
    internal const string QemuNamespace = "qemu:";
    internal const string DirtyBitmapPrefix = "qemu:dirty-bitmap:";

    /// <summary>A dirty bitmap; bit 0: dirty.</summary>
    public static string DirtyBitmap(string bitmap) => DirtyBitmapPrefix + bitmap;

    /// <summary>
    /// Whether a client's query means that context. A listing takes a namespace, or the bitmaps' common beginning, for all that begin with it.
    /// </summary>
    internal static bool IsMeant(string context, string query, bool isListing) =>
        query == context
            || (isListing && query is BaseNamespace or QemuNamespace or DirtyBitmapPrefix && context.StartsWith(query, StringComparison.Ordinal));
}
