namespace Replication.Nbd;

/// <summary>A run of bytes with one status of a metadata context, from the offset that was asked for.</summary>
/// <param name="LengthBytes">At least 1, at most what was asked for.</param>
/// <param name="Flags">What they mean is the context's.</param>
public readonly record struct NbdExtent(long LengthBytes, uint Flags);
