using Replication.Roles;

namespace Replication.Control.Journal;

/// <summary>
/// Errors that stay until somebody acknowledges them.
/// </summary>
/// <remarks>
/// One entry stands for all failures of one case on one disk within an epoch: its first one, and how many there were. So a failing disk neither fills the list
/// nor floods the event stream. What is settled and what is open never share an entry. An acknowledged entry is gone; the next failure of its kind is listed
/// anew. New entries are saved by the journal's thread at once, mere counts at most every <see cref="s_countsInterval"/>, an acknowledgement before it is
/// answered.
/// </remarks>
internal sealed class ErrorList : IErrorList
{
    private static readonly TimeSpan s_countsInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly ErrorFile _file;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly List<ErrorEntry> _entries; // Guarded by _lock; ascending numbers.
    private readonly Lock _saveLock = new(); // Taken before _lock. Guards the file.
    private bool _isChanged; // Guarded by _lock: entries came or went since the last save.
    private bool _isCounted; // Guarded by _lock: only counts changed.
    private long _savedAt; // Guarded by _saveLock.

    private ErrorList(ErrorFile file, TimeProvider time)
    {
        (_file, _time) = (file, time);
        _entries = [.. file.Read()];
        _savedAt = time.GetTimestamp();
    }

    /// <summary>Text of the oldest entry that is open, else of the oldest; null: there is none.</summary>
    public string? OldestText
    {
        get
        {
            lock (_lock)
                return (_entries.Find(e => e.Settled is null) ?? _entries.FirstOrDefault())?.ToString();
        }
    }

    public static ErrorList Open(string path, TimeProvider time) => new(new ErrorFile(path), time);

    /// <summary>Lists a failure, or counts it where its like is listed.</summary>
    /// <param name="failure">The failure.</param>
    /// <param name="publish">Publishes its event and returns the number; called for a new entry only.</param>
    public void Record(FailureReport failure, Func<FailureReport, ulong> publish)
    {
        lock (_lock)
        {
            int known = _entries.FindLastIndex(e => IsLike(e, failure) && e.Epoch == failure.Epoch);
            if (known < 0 && _entries.Count >= Limits.ErrorsListed)
                known = PlaceInFullList(failure);
            if (known >= 0)
            {
                _entries[known] = _entries[known] with { Count = _entries[known].Count + 1 };
                _isCounted = true;
                return;
            }

            _entries.Add(ErrorEntry.Of(publish(failure), _time.GetUtcNow().ToUnixTimeMilliseconds(), failure));
            _isChanged = true;
        }
    }

    /// <summary>Nothing is left of what was listed as a disk's differences.</summary>
    public void SettleDifferences(string disk, string settled)
    {
        lock (_lock)
        {
            for (int i = 0; i < _entries.Count; i++)
            {
                if (_entries[i].Settled is not null || _entries[i].Disk != disk || !_entries[i].ToFailure().IsDifference)
                    continue;
                _entries[i] = _entries[i] with { Settled = settled };
                _isChanged = true;
            }
        }
    }

    public IReadOnlyList<RecordedError> List()
    {
        lock (_lock)
            return [.. _entries.Select(e => e.ToRecorded())];
    }

    public int Acknowledge(ulong seq)
    {
        int acknowledged;
        lock (_lock)
        {
            acknowledged = _entries.RemoveAll(e => seq == 0 || e.Seq == seq);
            _isChanged |= acknowledged > 0;
        }

        if (acknowledged > 0)
            Save(out _, force: true); // A failure is the thread's to repeat.
        return acknowledged;
    }

    // Under _lock. -1: there is room, since what is settled gives way. Counted on that, an open failure would be seen nowhere.
    private int PlaceInFullList(FailureReport failure)
    {
        int like = _entries.FindLastIndex(e => IsLike(e, failure));
        if (like >= 0)
            return like;
        int settled = _entries.FindIndex(e => e.Settled is not null);
        if (settled < 0)
            return 0;
        _entries.RemoveAt(settled);
        return -1;
    }

    private static bool IsLike(ErrorEntry entry, FailureReport failure) =>
        entry.Case == failure.Case && entry.Disk == failure.Disk && entry.Settled is null == failure.Settled is null;

    /// <summary>Saves what is due. The journal's thread calls it.</summary>
    /// <returns>When to call again: counts wait to be saved, or saving failed, with <paramref name="trouble"/>; null: all is saved.</returns>
    public TimeSpan? Save(out string? trouble, bool force = false)
    {
        trouble = null;
        lock (_saveLock)
        {
            ErrorEntry[] entries;
            TimeSpan wait = s_countsInterval - _time.GetElapsedTime(_savedAt);
            lock (_lock)
            {
                if (!_isChanged && !_isCounted)
                    return null;
                if (!_isChanged && !force && wait > TimeSpan.Zero)
                    return wait;
                entries = [.. _entries];
                (_isChanged, _isCounted) = (false, false);
            }

            try
            {
                _file.Write(entries);
                _savedAt = _time.GetTimestamp();
                return null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                lock (_lock)
                    _isChanged = true;
                trouble = $"errors cannot be written to {_file.Path}: {e.Message}";
                return s_retry;
            }
        }
    }
}
