using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Replication.Control.Journal;

/// <summary>
/// The persistent, numbered event stream.
/// </summary>
/// <remarks>
/// A publisher numbers its event and queues it under a short lock; the journal's thread writes what is queued, with one write for many, to the page cache. So
/// neither a hung state directory nor a reader can hold up whoever publishes (some of them are threads that must not do I/O); the price is that the very last
/// events before a kill -9 may be missing. Readers see an event once it is written, so a torn line's number was never seen and is used again. Where numbers
/// that may have been seen are not known (after a reboot, since nothing is flushed), a range of numbers is skipped: a number never stands for two events.
/// Segments are whole files of at most <see cref="Limits.EventsPerSegment"/> events; the oldest goes when the others hold <see cref="Limits.EventsKept"/>.
/// </remarks>
internal sealed class EventLog : IEventStream, IDisposable
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly string _directory;
    private readonly string _bootId;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private List<JournalEvent> _queued = []; // Guarded by _lock.
    private ulong _next; // Guarded by _lock.

    // The journal's thread alone uses these.
    private readonly List<(SegmentFile File, int Count)> _segments;
    private readonly Queue<JournalEvent> _unwritten = new();
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private SafeFileHandle? _file; // Of the last segment; null: the next event begins a new one.
    private long _lengthBytes;

    private volatile LogView _view; // Replaced by the journal's thread alone.

    private EventLog(string directory, string bootId, TimeProvider time, List<(SegmentFile File, int Count)> segments, ulong next)
    {
        (_directory, _bootId, _time, _segments, _next) = (directory, bootId, time, segments, next);
        _view = new LogView([.. segments.Select(s => s.File)], 0, next - 1, Closed: false);
    }

    /// <summary>Called without a lock after something was queued: the journal's thread has work.</summary>
    public Action? Queued { get; set; }

    /// <exception cref="JournalException">Another version wrote the log.</exception>
    public static EventLog Open(string directory, string bootId, TimeProvider time)
    {
        var segments = new List<(SegmentFile File, int Count)>();
        SegmentScan? newest = null;
        ulong next = 1;
        foreach (SegmentFile segment in SegmentFile.List(directory))
        {
            SegmentScan scan = SegmentScan.Of(segment);
            next = Math.Max(next, Math.Max(segment.First, scan.LastSeq + 1)) + (scan.NumbersAreLost ? Limits.EventNumbersSkipped : 0);
            if (scan.Count == 0)
            {
                File.Delete(segment.Path);
                continue;
            }

            segments.Add((segment, scan.Count));
            newest = scan;
        }

        if (newest is not null && newest.Boot != bootId)
            next += Limits.EventNumbersSkipped;
        var log = new EventLog(directory, bootId, time, segments, next);
        if (newest is not null)
            log.Continue(newest);
        return log;
    }

    /// <summary>Numbers an event and queues it. Never waits for I/O.</summary>
    /// <returns>Its number.</returns>
    public ulong Publish(string type, params ReadOnlySpan<(string Name, object Value)> fields)
    {
        (string Name, object Value)[] normal = EventFields.Normalise(fields);
        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        ulong seq;
        lock (_lock)
        {
            seq = _next++;
            if (_queued.Count < Limits.EventQueue)
                _queued.Add(new JournalEvent(seq, now, type, normal));
            else if (_queued.Count == Limits.EventQueue)
                _queued.Add(EventCursor.Lost(seq, seq, now));
            else
                _queued[^1] = EventCursor.Lost((ulong)(long)_queued[^1].Fields[0].Value, seq, now);
        }

        Queued?.Invoke();
        return seq;
    }

    public async IAsyncEnumerable<JournalEvent> ReadAsync(ulong from, bool follow, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var cursor = new EventCursor(from);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            LogView view = _view;
            while (cursor.TryNext(view, out JournalEvent? item))
                yield return item;
            if (view != _view)
                continue;
            if (!follow || view.Closed)
                yield break;
            await view.Superseded.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Writes what is queued. The journal's thread calls it.</summary>
    /// <returns>When to try again, after a failure whose text is <paramref name="trouble"/>; null: everything is written.</returns>
    public TimeSpan? WriteQueued(out string? trouble)
    {
        trouble = null;
        Take();
        try
        {
            while (_unwritten.Count > 0)
                WriteBatch();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            trouble = $"events cannot be written to {_directory}: {e.Message}";
            return s_retry;
        }
    }

    /// <summary>Ends the readers' streams. What is still queued is lost; the journal's thread has ended.</summary>
    public void Dispose()
    {
        Show(_view.Segments, _view.LastSeq, closed: true);
        _file?.Dispose();
    }

    private void Continue(SegmentScan newest)
    {
        _lengthBytes = newest.LengthBytes;
        _view = new LogView(_view.Segments, _lengthBytes, _view.LastSeq, Closed: false);
        if (newest.NumbersAreLost || newest.Boot != _bootId)
            return; // The next event begins a segment of its own.
        _file = File.OpenHandle(_segments[^1].File.Path, FileMode.Open, FileAccess.Write, FileShare.Read | FileShare.Delete);
        // Only a torn end is cut: a start that is refused later must not have touched the file.
        if (RandomAccess.GetLength(_file) != _lengthBytes)
            RandomAccess.SetLength(_file, _lengthBytes);
    }

    private void Take()
    {
        List<JournalEvent> taken;
        lock (_lock)
        {
            // What cannot be written waits here, not in the queue, so that the queue's limit bounds both together.
            if (_queued.Count == 0 || _unwritten.Count > 0)
                return;
            taken = _queued;
            _queued = [];
        }

        foreach (JournalEvent item in taken)
            _unwritten.Enqueue(item);
    }

    private void WriteBatch()
    {
        JournalEvent first = _unwritten.Peek();
        bool isNew = _file is null || _segments[^1].Count >= Limits.EventsPerSegment;
        SegmentFile segment = isNew ? SegmentFile.Of(_directory, first.Seq) : _segments[^1].File;
        int count = isNew ? 0 : _segments[^1].Count;
        JournalEvent[] batch = [.. _unwritten.Take(Limits.EventsPerSegment - count)];
        _buffer.ResetWrittenCount();
        if (isNew)
            Begin(segment);
        if (_lengthBytes == 0)
            _buffer.Write(SegmentFile.Header(_bootId));
        foreach (JournalEvent item in batch)
            EventLine.Write(_buffer, item);
        RandomAccess.Write(_file!, _buffer.WrittenSpan, _lengthBytes);

        // Written: from here on nothing fails.
        _lengthBytes += _buffer.WrittenCount;
        for (int i = 0; i < batch.Length; i++)
            _unwritten.Dequeue();
        _segments[^1] = (segment, count + batch.Length);
        List<SegmentFile> dropped = DropOldest();
        Show([.. _segments.Select(s => s.File)], batch[^1].Seq, closed: false);
        foreach (SegmentFile old in dropped)
            File.Delete(old.Path);
    }

    private void Begin(SegmentFile segment)
    {
        SafeFileHandle file = File.OpenHandle(segment.Path, FileMode.Create, FileAccess.Write, FileShare.Read | FileShare.Delete);
        _file?.Dispose();
        _file = file;
        _lengthBytes = 0;
        _segments.Add((segment, 0));
    }

    private List<SegmentFile> DropOldest()
    {
        var dropped = new List<SegmentFile>();
        while (_segments.Sum(s => s.Count) - _segments[0].Count >= Limits.EventsKept)
        {
            dropped.Add(_segments[0].File);
            _segments.RemoveAt(0);
        }

        return dropped;
    }

    private void Show(ImmutableArray<SegmentFile> segments, ulong lastSeq, bool closed)
    {
        LogView old = _view;
        _view = new LogView(segments, _lengthBytes, lastSeq, closed);
        old.Supersede();
    }
}
