namespace Replication.Benchmarks.Contestants;

/// <summary>What a checkpoint cost.</summary>
/// <param name="Pause">How long the primary's guest could not write.</param>
/// <param name="Call">From the controller's first call to the last answer.</param>
internal readonly record struct CheckpointTimes(TimeSpan Pause, TimeSpan Call);
