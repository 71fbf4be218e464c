namespace Replication.Interop.Kill;

/// <summary>Some cells of a disk, one after the other.</summary>
internal readonly record struct CellRange(int First, int Count);
