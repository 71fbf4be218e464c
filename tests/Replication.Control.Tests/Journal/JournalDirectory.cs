using Replication.Control.Journal;

namespace Replication.Control.Tests.Journal;

/// <summary>A state directory, and the journals opened in it one after the other.</summary>
internal sealed class JournalDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("journal-").FullName;

    public string Journal => System.IO.Path.Combine(Path, "journal");

    public List<string> Troubles { get; } = [];

    public string[] Segments => [.. Directory.GetFiles(Journal, "events-*.jsonl").Order()];

    public NodeJournal Open(string boot = "boot-1") => NodeJournal.Open(Path, boot, TimeProvider.System, Troubles.Add);

    /// <summary>Every event that is there, or those from a number on.</summary>
    public static async Task<List<JournalEvent>> Read(IEventStream stream, ulong from = 0)
    {
        var events = new List<JournalEvent>();
        await foreach (JournalEvent item in stream.ReadAsync(from, follow: false, CancellationToken.None))
            events.Add(item);
        return events;
    }

    /// <summary>The next events, waiting for them.</summary>
    public static async Task<List<JournalEvent>> Follow(IEventStream stream, ulong from, int count)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var events = new List<JournalEvent>();
        await foreach (JournalEvent item in stream.ReadAsync(from, follow: true, deadline.Token))
        {
            events.Add(item);
            if (events.Count == count)
                break;
        }

        return events;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
