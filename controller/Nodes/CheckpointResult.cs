namespace Replication.Controller.Nodes;

/// <summary>A checkpoint that both nodes have.</summary>
/// <param name="Epoch">The epoch that it began.</param>
/// <param name="ElapsedMs">From the first call to the last reply.</param>
/// <param name="HoldMs">How long guest writes were held.</param>
/// <param name="DrainMs">How long forwarded writes were waited for, before the hold and under it.</param>
/// <param name="CommitMs">The secondary's switch.</param>
/// <param name="DrainedBytes">Forwarded bytes that were waited for.</param>
internal sealed record CheckpointResult(ulong Epoch, double ElapsedMs, double HoldMs, double DrainMs, double CommitMs, long DrainedBytes);
