namespace Replication.Block.Quorums;

/// <summary>A guest write that the local disk has answered and whose forward is on its way.</summary>
/// <param name="LocalFailure">The local disk's error; null for success.</param>
/// <param name="Forward">The mirror's answer, to be awaited once.</param>
internal readonly record struct BegunWrite(BlockException? LocalFailure, ValueTask Forward);
