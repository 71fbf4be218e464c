namespace Replication.Jobs.Targets;

/// <summary>What qemu-img says about an image.</summary>
/// <param name="Format">QEMU's name of it.</param>
/// <param name="LengthBytes">Length of the disk in it.</param>
/// <param name="ClusterBytes">The unit in which it grows; 0 where the format has none.</param>
internal sealed record ImageInfo(string Format, long LengthBytes, int ClusterBytes);
