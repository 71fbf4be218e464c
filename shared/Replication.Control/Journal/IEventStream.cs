namespace Replication.Control.Journal;

/// <summary>A node's numbered events, for any number of readers, each from any number on.</summary>
public interface IEventStream
{
    /// <summary>
    /// Every event from a number on, in order and without a hole: numbers that are no longer kept come as one <c>events-lost</c> event with the fields
    /// <c>from</c> and <c>to</c> (both lost), whose own number is <c>to</c>, so that a reader goes on at its number + 1 as after any other event.
    /// </summary>
    /// <param name="from">The first number wanted; 0: the oldest kept. A number that lies ahead is waited for.</param>
    /// <param name="follow">False: the stream ends after the newest event. True: it ends when the journal is closed.</param>
    /// <param name="cancellationToken">The reader's.</param>
    IAsyncEnumerable<JournalEvent> ReadAsync(ulong from, bool follow, CancellationToken cancellationToken);
}
