using System.Numerics;
using System.Text;

namespace Replication.Jobs.Bitmaps;

/// <summary>What is done to bitmaps at one moment: nothing counts before <see cref="Commit"/>, and nothing is left after <see cref="RollBack"/>.</summary>
/// <remarks>
/// No change of a disk may be under way from the first verb to the end, nor another change of bitmaps. A verb that is refused changes nothing.
/// </remarks>
internal sealed class BitmapChange
{
    /// <summary>QEMU's, for images without clusters of their own.</summary>
    public const int DefaultGranularityBytes = 64 << 10;

    private const int SmallestGranularityBytes = 512;
    private const int LargestGranularityBytes = 1 << 30;
    private const int LongestNameBytes = 1023;

    private readonly BitmapStore _store;
    private readonly List<DirtyBitmap> _bitmaps;
    private readonly List<BitmapMarks> _created = [];
    private readonly List<BitmapMarks> _replaced = [];
    private readonly Stack<Action> _undo = new();
    private bool _isOnRecord; // something of it is: a bitmap that outlives the node

    public BitmapChange(BitmapStore store, List<DirtyBitmap> bitmaps) => (_store, _bitmaps) = (store, bitmaps);

    /// <exception cref="JobException">As with every verb: what is asked for cannot be.</exception>
    /// <exception cref="IOException">As with every verb: its file cannot be made.</exception>
    public async ValueTask AddAsync(string disk, string name, long? granularityBytes, bool isPersistent, bool isDisabled)
    {
        _store.LengthOf(disk);
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > LongestNameBytes)
            throw Invalid($"a bitmap's name has 1 to {LongestNameBytes} bytes");
        if (Find(disk, name) is not null)
            throw Refused($"disk '{disk}' has a bitmap '{name}' already; remove it, or give the new one another name");
        long granularity = granularityBytes ?? DefaultGranularityBytes;
        if (!BitOperations.IsPow2(granularity) || granularity is < SmallestGranularityBytes or > LargestGranularityBytes)
        {
            throw Invalid($"a granularity of {granularity} bytes is none: it must be a power of two, "
                + $"{SmallestGranularityBytes} to {LargestGranularityBytes}");
        }

        BitmapMarks marks = await CreateAsync(disk, (int)granularity, isPersistent, records: !isDisabled);
        var added = new DirtyBitmap(disk, name, marks) { IsEnabled = !isDisabled };
        _isOnRecord |= isPersistent;
        _bitmaps.Add(added);
        _undo.Push(() => _bitmaps.Remove(added));
    }

    public void Remove(string disk, string name)
    {
        DirtyBitmap bitmap = Require(disk, name);
        RefuseBusy(bitmap, "removed");
        _isOnRecord |= bitmap.IsPersistent;
        int at = _bitmaps.IndexOf(bitmap);
        _bitmaps.RemoveAt(at);
        _undo.Push(() => _bitmaps.Insert(at, bitmap));
        _replaced.Add(bitmap.Marks);
        if (bitmap.Successor is { } successor)
            _replaced.Add(successor);
    }

    public async ValueTask ClearAsync(string disk, string name)
    {
        DirtyBitmap bitmap = RequireUsable(disk, name, "cleared");
        Replace(bitmap, await CreateAsync(disk, bitmap.Marks.GranularityBytes, bitmap.IsPersistent, bitmap.IsEnabled));
    }

    public async ValueTask EnableAsync(string disk, string name, bool isEnabled)
    {
        DirtyBitmap bitmap = RequireUsable(disk, name, isEnabled ? "enabled" : "disabled");
        bool before = bitmap.IsEnabled;
        if (isEnabled && !before && _store.IsView(disk))
        {
            BitmapMarks marks = await CreateAsync(disk, bitmap.Marks.GranularityBytes, bitmap.IsPersistent, records: true);
            await marks.OrAsync(bitmap.Marks.Bits, bitmap.Marks.GranularityBytes);
            Replace(bitmap, marks);
        }

        _isOnRecord |= bitmap.IsPersistent;
        bitmap.IsEnabled = isEnabled;
        _undo.Push(() => bitmap.IsEnabled = before);
    }

    /// <summary>The target marks what it or any of the sources marks.</summary>
    public async ValueTask MergeAsync(string disk, string name, IReadOnlyList<(string Disk, string Name)> sources)
    {
        DirtyBitmap target = RequireUsable(disk, name, "merged into");
        var merged = new List<DirtyBitmap>();
        foreach ((string sourceDisk, string sourceName) in sources)
        {
            DirtyBitmap source = RequireUsable(sourceDisk, sourceName, "merged");
            if (_store.LengthOf(sourceDisk) != _store.LengthOf(disk))
            {
                throw Invalid($"bitmap '{sourceName}' of disk '{sourceDisk}' cannot be merged into one of disk '{disk}': "
                    + $"the disks have {_store.LengthOf(sourceDisk)} and {_store.LengthOf(disk)} bytes");
            }

            merged.Add(source);
        }

        BitmapMarks union = await CreateAsync(disk, target.Marks.GranularityBytes, target.IsPersistent, target.IsEnabled);
        await union.OrAsync(target.Marks.Bits, target.Marks.GranularityBytes);
        foreach (DirtyBitmap source in merged)
            await union.OrAsync(source.Marks.Bits, source.Marks.GranularityBytes);
        Replace(target, union);
    }

    /// <summary>For a backup: see <see cref="FrozenBitmap"/>.</summary>
    public async ValueTask<FrozenBitmap> FreezeAsync(string disk, string name)
    {
        DirtyBitmap bitmap = RequireUsable(disk, name, "used");
        bitmap.Successor = await CreateAsync(disk, bitmap.Marks.GranularityBytes, bitmap.IsPersistent, bitmap.IsEnabled);
        _isOnRecord |= bitmap.IsPersistent;
        _undo.Push(() => bitmap.Successor = null);
        return new FrozenBitmap(_store, bitmap);
    }

    /// <summary>Puts it all in force at once. Guests wait for it: where there is nothing to record, none waits for a disk.</summary>
    /// <exception cref="IOException">It cannot be recorded. Roll it back.</exception>
    public void Commit()
    {
        if (_isOnRecord)
            _store.Record(_bitmaps);
        _store.Show(_bitmaps);
        foreach (BitmapMarks marks in _replaced)
            _store.Delete(marks);
    }

    /// <summary>Takes everything back, the last first.</summary>
    public void RollBack()
    {
        while (_undo.TryPop(out Action? undo))
            undo();
        foreach (BitmapMarks marks in _created)
            _store.Delete(marks);
        _created.Clear();
    }

    private async ValueTask<BitmapMarks> CreateAsync(string disk, int granularityBytes, bool isPersistent, bool records)
    {
        BitmapMarks marks = await _store.CreateMarksAsync(disk, granularityBytes, isPersistent);
        _created.Add(marks);
        if (records)
            await _store.MarkChangesToComeAsync(disk, marks);
        return marks;
    }

    private void Replace(DirtyBitmap bitmap, BitmapMarks marks)
    {
        _isOnRecord |= bitmap.IsPersistent;
        BitmapMarks before = bitmap.Marks;
        bitmap.Marks = marks;
        _undo.Push(() => bitmap.Marks = before);
        _replaced.Add(before);
    }

    private DirtyBitmap? Find(string disk, string name) => _bitmaps.Find(bitmap => bitmap.Disk == disk && bitmap.Name == name);

    private DirtyBitmap Require(string disk, string name)
    {
        _store.LengthOf(disk);
        return Find(disk, name) ?? throw new JobException(JobErrorClass.GenericError, $"disk '{disk}' has no bitmap '{name}'")
        {
            Kind = JobErrorKind.NotFound,
        };
    }

    private DirtyBitmap RequireUsable(string disk, string name, string what)
    {
        DirtyBitmap bitmap = Require(disk, name);
        RefuseBusy(bitmap, what);
        return bitmap.IsInconsistent
            ? throw Refused($"bitmap '{name}' of disk '{disk}' is inconsistent, it may lack marks, and cannot be {what}; "
                + "remove it, and begin again with a full backup")
            : bitmap;
    }

    private static void RefuseBusy(DirtyBitmap bitmap, string what)
    {
        if (bitmap.IsBusy)
            throw Refused($"bitmap '{bitmap.Name}' of disk '{bitmap.Disk}' is busy: a job or an export uses it; it cannot be {what} before that has ended");
    }

    private static JobException Refused(string message) => new(JobErrorClass.GenericError, message);

    private static JobException Invalid(string message) => new(JobErrorClass.GenericError, message) { Kind = JobErrorKind.Invalid };
}
