namespace Replication.Interop.Kill;

/// <summary>One write of a writer's log.</summary>
internal readonly record struct StampedWrite(int Stamp, int Disk, int FirstCell, int Count);
