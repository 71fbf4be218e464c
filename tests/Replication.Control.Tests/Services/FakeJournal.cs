using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Replication.Control.Journal;

namespace Replication.Control.Tests.Services;

/// <summary>Events and errors as a test has set them.</summary>
internal sealed class FakeJournal : IEventStream, IErrorList
{
    public Channel<JournalEvent> Events { get; } = Channel.CreateUnbounded<JournalEvent>();

    public List<RecordedError> Errors { get; } = [];

    public (ulong From, bool Follow)? Asked { get; private set; }

    public TaskCompletionSource ReaderGone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async IAsyncEnumerable<JournalEvent> ReadAsync(ulong from, bool follow, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Asked = (from, follow);
        try
        {
            await foreach (JournalEvent entry in Events.Reader.ReadAllAsync(cancellationToken))
                yield return entry;
        }
        finally
        {
            ReaderGone.TrySetResult();
        }
    }

    public IReadOnlyList<RecordedError> List() => Errors;

    public int Acknowledge(ulong seq) => Errors.RemoveAll(error => seq == 0 || error.Seq == seq);
}
