namespace Replication.Block.Quorums;

/// <summary>Decides whether a copy travels.</summary>
/// <param name="range">The range, which is locked against guest writes for the duration of the call.</param>
/// <param name="content">Its content on the local disk; empty where the range is a hole, which reads as zeroes.</param>
/// <returns>False where the peer is known to hold the same.</returns>
public delegate bool CopyFilter(BlockRange range, ReadOnlySpan<byte> content);
