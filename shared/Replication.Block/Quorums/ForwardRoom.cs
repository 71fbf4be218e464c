namespace Replication.Block.Quorums;

/// <summary>How a guest write's wait for room in the window ended.</summary>
/// <param name="IsReserved">False: it has waited for as long as it may, and its range is left to the background copy.</param>
/// <param name="AskedAt">When it asked, by the window's own time; null where it did not wait.</param>
public readonly record struct ForwardRoom(bool IsReserved, long? AskedAt);
