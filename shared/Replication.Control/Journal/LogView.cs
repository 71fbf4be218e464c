using System.Collections.Immutable;

namespace Replication.Control.Journal;

/// <summary>What readers may see of the log: one consistent state, replaced as a whole by the writer after each write.</summary>
/// <param name="Segments">Oldest first; the last one is being written.</param>
/// <param name="NewestBytes">Whole bytes of the last segment.</param>
/// <param name="LastSeq">The newest event's number; 0: there is none.</param>
/// <param name="Closed">Nothing comes after this.</param>
internal sealed record LogView(ImmutableArray<SegmentFile> Segments, long NewestBytes, ulong LastSeq, bool Closed)
{
    private readonly TaskCompletionSource _superseded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when a newer view is there.</summary>
    public Task Superseded => _superseded.Task;

    public void Supersede() => _superseded.TrySetResult();
}
