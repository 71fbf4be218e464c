using System.Diagnostics.CodeAnalysis;
using Replication.Roles;

namespace Replication.Control.Journal;

/// <summary>One reader's place in the log. A hole between two numbers, whatever made it, comes out as one <c>events-lost</c> event.</summary>
internal sealed class EventCursor(ulong from) : IDisposable
{
    private ulong _next = from; // 0: the oldest kept.
    private SegmentReader? _reader;
    private JournalEvent? _behindHole;

    public void Dispose() => _reader?.Dispose();

    /// <summary>The next event that the view holds; false: it holds no more, or it is outdated and a file that it names is gone.</summary>
    public bool TryNext(LogView view, [NotNullWhen(true)] out JournalEvent? item)
    {
        item = null;
        if (_behindHole is null && (_next > view.LastSeq || !TryFind(view, out _behindHole)))
            return false;
        JournalEvent found = _behindHole;
        if (_next != 0 && found.Seq > _next && !Covers(found, _next))
        {
            item = Lost(_next, found.Seq - 1, found.TimeUnixMs);
            _next = found.Seq;
            return true;
        }

        _behindHole = null;
        _next = found.Seq + 1;
        item = found;
        return true;
    }

    public static JournalEvent Lost(ulong first, ulong last, long timeUnixMs) =>
        new(last, timeUnixMs, EventTypes.EventsLost, [("from", (long)first), ("to", (long)last)]);

    /// <summary>The log's own record of numbers that were lost before they could be written.</summary>
    private static bool Covers(JournalEvent found, ulong seq) =>
        found.Type == EventTypes.EventsLost && found.Fields.Any(f => f.Name == "from" && f.Value is long first && (ulong)first <= seq);

    private bool TryFind(LogView view, [NotNullWhen(true)] out JournalEvent? found)
    {
        found = null;
        if (view.Segments.IsEmpty)
            return false;
        try
        {
            _reader ??= new SegmentReader(view.Segments.LastOrDefault(s => s.First <= _next) ?? view.Segments[0]);
            while (true)
            {
                bool isNewest = _reader.Segment.First == view.Segments[^1].First;
                if (_reader.TryRead(_next, isNewest ? view.NewestBytes : null, out found))
                    return true;
                if (isNewest)
                    return false;
                SegmentFile following = view.Segments.First(s => s.First > _reader.Segment.First);
                SegmentReader reader = new(following);
                _reader.Dispose();
                _reader = reader;
            }
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }
}
