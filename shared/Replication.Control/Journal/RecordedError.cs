using Replication.Roles;

namespace Replication.Control.Journal;

/// <summary>A failure as it was recorded.</summary>
/// <param name="Seq">Number of its <c>error</c> event.</param>
/// <param name="TimeUnixMs">When it happened first.</param>
/// <param name="Failure">What failed, where; the first of its repetitions.</param>
/// <param name="Count">How often this case struck this disk within the epoch.</param>
/// <param name="Advice">What to do about it.</param>
public sealed record RecordedError(ulong Seq, long TimeUnixMs, FailureReport Failure, long Count, string Advice);
