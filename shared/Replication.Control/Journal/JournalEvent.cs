namespace Replication.Control.Journal;

/// <summary>One entry of a node's numbered event stream.</summary>
/// <param name="Seq">Its number: one more than its predecessor's, also across restarts and kill -9.</param>
/// <param name="TimeUnixMs">When it was published.</param>
/// <param name="Type">What happened; the contract's names.</param>
/// <param name="Fields">What belongs to it: values are <see cref="string"/>, <see cref="long"/> or <see cref="bool"/>.</param>
public sealed record JournalEvent(ulong Seq, long TimeUnixMs, string Type, IReadOnlyList<(string Name, object Value)> Fields);
