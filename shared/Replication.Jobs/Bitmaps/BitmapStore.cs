using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Files;
using Replication.Block.Snapshots;
using Replication.Block.State;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Bitmaps;

/// <summary>The dirty bitmaps of a node's disks, and where those are kept that outlive it.</summary>
/// <remarks>
/// <para>What people ask for is a <see cref="BitmapChange"/>: one at a time, with no change of a disk under way, so that each takes effect at one moment.
/// Marks come at any time. What is marked in a persistent bitmap is in its file before the disk changes, so a kill can only leave too many marks.</para>
/// <para>A change is on record as a whole: what a job records in between leaves the others as they were recorded last, for a change that is being prepared has
/// touched them already, and may be taken back.</para>
/// <para>The catalogue says which files count. No verb clears marks in a file that the catalogue names: whatever takes marks away writes a new file, and one
/// replacement of the catalogue puts it in force, for one bitmap or for several.</para>
/// </remarks>
public sealed partial class BitmapStore : IAsyncDisposable
{
    private const string FilePrefix = "bitmap-";

    private readonly IFileStore _files;
    private readonly IReadOnlyDictionary<string, long> _lengths;
    private readonly Guid _bootId;
    private readonly bool _durable;
    private readonly List<DirtyBitmap> _bitmaps = [];
    private readonly List<BitmapCatalogue.Entry> _others = []; // of disks that the configuration does not name
    private readonly Dictionary<string, BitmapRecorder> _recorders = [];
    private readonly Lock _sync = new(); // guards _bitmaps, for who looks
    private readonly Lock _recording = new(); // held while the catalogue is replaced; before _sync
    private readonly List<TargetSeal> _seals = []; // guarded by _recording; decided, and not known to be done
    private long _nextFile;

    private BitmapStore(IFileStore files, IReadOnlyDictionary<string, BeforeWriteNode> disks, Guid bootId, bool durable)
    {
        (_files, _bootId, _durable) = (files, bootId, durable);
        _lengths = disks.ToDictionary(disk => disk.Key, disk => disk.Value.LengthBytes);
        foreach ((string name, BeforeWriteNode disk) in disks)
            _recorders.Add(name, new BitmapRecorder(disk));
    }

    /// <summary>Opens what is there. What a kill has left frozen is taken back; what cannot be read, or is of another boot, is inconsistent.</summary>
    /// <param name="files">The state directory.</param>
    /// <param name="disks">Each disk, by name; nobody uses them yet.</param>
    /// <param name="bootId">The machine's boot.</param>
    /// <param name="durable">Marks survive a loss of power (<c>Durability: power</c>).</param>
    /// <param name="mayLackUnflushed">A loss of power may have taken what was not flushed, however it is kept from now on: no marks are trusted.</param>
    /// <exception cref="StateException">The catalogue cannot be read.</exception>
    public static async ValueTask<BitmapStore> OpenAsync(
        IFileStore files, IReadOnlyDictionary<string, BeforeWriteNode> disks, Guid bootId, bool durable, bool mayLackUnflushed = false)
    {
        var store = new BitmapStore(files, disks, bootId, durable);
        BitmapCatalogue catalogue = files.Read(BitmapCatalogue.FileName) is { } encoded
            ? BitmapCatalogue.Decode(encoded, Path.Combine(files.Path, BitmapCatalogue.FileName))
            : BitmapCatalogue.Empty;
        store._nextFile = catalogue.NextFile;
        store._seals.AddRange(catalogue.Seals);
        bool isTrusted = !mayLackUnflushed && (durable || catalogue.BootId == bootId);
        foreach (BitmapCatalogue.Entry entry in catalogue.Bitmaps)
        {
            if (disks.ContainsKey(entry.Disk))
                store._bitmaps.Add(await store.LoadAsync(entry, isTrusted));
            else
                store._others.Add(entry with { IsInconsistent = true }); // Nobody marks in it while the disk is not there.
        }

        if (catalogue.Bitmaps.Count > 0)
            store.Record(store._bitmaps);
        store.Sweep();
        store.ShowRecorders();
        return store;
    }

    public IReadOnlyList<BitmapInfo> Query(string disk)
    {
        lock (_sync)
            return [.. _bitmaps.Where(bitmap => bitmap.Disk == disk).Select(bitmap => bitmap.Info)];
    }

    /// <summary>Keeps a bitmap as it is for who shows it. In turn with the changes.</summary>
    /// <exception cref="JobException">There is none of the name, or it cannot be shown.</exception>
    internal BitmapHold Hold(string disk, string name)
    {
        LengthOf(disk);
        DirtyBitmap bitmap = _bitmaps.Find(bitmap => bitmap.Disk == disk && bitmap.Name == name)
            ?? throw new JobException(JobErrorClass.GenericError, $"disk '{disk}' has no bitmap '{name}'") { Kind = JobErrorKind.NotFound };
        if (bitmap.IsInconsistent)
            throw new JobException(JobErrorClass.GenericError, $"bitmap '{name}' of disk '{disk}' is inconsistent, it may lack marks, and cannot be shown");
        return bitmap.IsBusy
            ? throw new JobException(JobErrorClass.GenericError, $"bitmap '{name}' of disk '{disk}' is busy: a job or an export uses it")
            : new BitmapHold(bitmap);
    }

    /// <summary>Begins a change; see <see cref="BitmapChange"/>.</summary>
    internal BitmapChange Begin() => new(this, [.. _bitmaps]);

    /// <summary>Seals of targets whose transaction has succeeded, and that a kill may have left undone.</summary>
    public IReadOnlyList<TargetSeal> Seals
    {
        get
        {
            lock (_recording)
                return [.. _seals];
        }
    }

    /// <summary>It has been done; the next record does not name it any more.</summary>
    public void Sealed(TargetSeal seal)
    {
        lock (_recording)
            _seals.Remove(seal);
    }

    /// <summary>Puts on record that these give way to their successors, and these targets are whole: all of them or, where it fails, none.</summary>
    /// <exception cref="IOException">It could not be recorded.</exception>
    internal void Decide(IReadOnlyList<FrozenBitmap> bitmaps, IReadOnlyList<TargetSeal> seals)
    {
        lock (_recording)
        {
            int before = _seals.Count;
            _seals.AddRange(seals);
            try
            {
                Decide(bitmaps);
            }
            catch
            {
                _seals.RemoveRange(before, seals.Count);
                throw;
            }
        }
    }

    /// <summary>Puts on record that these give way to their successors, all of them or, where it fails, none.</summary>
    /// <exception cref="IOException">It could not be recorded.</exception>
    internal void Decide(IReadOnlyList<FrozenBitmap> bitmaps)
    {
        lock (_recording)
        {
            DirtyBitmap[] giveWay = [.. bitmaps.Select(frozen => frozen.Bitmap)];
            DirtyBitmap[] known;
            lock (_sync)
                known = [.. _bitmaps];
            Replace([.. known.Select(bitmap => (bitmap, giveWay.Contains(bitmap) ? GivenWay(bitmap.OnRecord) : bitmap.OnRecord))]);
            foreach (DirtyBitmap bitmap in giveWay)
                bitmap.GivesWay = true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (DirtyBitmap bitmap in _bitmaps)
        {
            if (bitmap.Successor is { } successor)
                await successor.DisposeAsync();
            await bitmap.Marks.DisposeAsync();
        }
    }

    /// <summary>The successor is the bitmap from here on.</summary>
    internal void Succeed(DirtyBitmap bitmap)
    {
        BitmapMarks old = bitmap.Marks;
        lock (_recording)
        {
            // In this order: whoever marks meanwhile marks the successor, by one name or the other.
            bitmap.Marks = bitmap.Successor!;
            bitmap.Successor = null;
            bitmap.GivesWay = false;
        }

        Delete(old);
    }

    internal async ValueTask GiveBackAsync(FrozenBitmap frozen, BlockBitmap kept, int granularityBytes)
    {
        try
        {
            await frozen.PrepareAsync(kept, granularityBytes);
            Decide([frozen]);
            Succeed(frozen.Bitmap);
        }
        catch (IOException)
        {
            // Both are still on record, and their union is taken at the next open. Until then nothing can be said of it.
            frozen.Bitmap.BecomeInconsistent();
        }
    }

    internal long LengthOf(string disk) =>
        _lengths.TryGetValue(disk, out long lengthBytes)
            ? lengthBytes
            : throw new JobException(JobErrorClass.DeviceNotFound, $"there is no disk '{disk}'; it is one of {string.Join(", ", _lengths.Keys)}");

    /// <summary>New marks without one, in a new file or in memory.</summary>
    internal async ValueTask<BitmapMarks> CreateMarksAsync(string disk, int granularityBytes, bool isPersistent)
    {
        long lengthBytes = LengthOf(disk);
        if (!isPersistent)
            return BitmapMarks.InMemory(lengthBytes, granularityBytes);
        string name = $"{FilePrefix}{_nextFile++}";
        BlockNode file = _files.Create(name, PersistentBitmap.FileBytes(lengthBytes, granularityBytes), $"{disk}.{name}");
        // All of it is allocated: a full file system cannot fail a mark later.
        PersistentBitmap marks = await PersistentBitmap.CreateAllocatedAsync(file, lengthBytes, granularityBytes, _durable);
        return new BitmapMarks(null, marks, name, granularityBytes, lengthBytes);
    }

    /// <summary>Writes the catalogue of these bitmaps, as they are now.</summary>
    /// <exception cref="IOException">The one in force stays.</exception>
    internal void Record(IReadOnlyList<DirtyBitmap> bitmaps)
    {
        lock (_recording)
            Replace([.. bitmaps.Select(bitmap => (bitmap, EntryOf(bitmap)))]);
    }

    /// <summary>Call under the lock on the record.</summary>
    private void Replace(IReadOnlyList<(DirtyBitmap Bitmap, BitmapCatalogue.Entry? Entry)> bitmaps)
    {
        if (_durable)
            _files.SyncNames();
        var entries = new List<BitmapCatalogue.Entry>(_others);
        entries.AddRange(bitmaps.Select(bitmap => bitmap.Entry).OfType<BitmapCatalogue.Entry>());
        _files.Replace(BitmapCatalogue.FileName, new BitmapCatalogue(_bootId, Volatile.Read(ref _nextFile), entries) { Seals = [.. _seals] }.Encode());
        foreach ((DirtyBitmap bitmap, BitmapCatalogue.Entry? entry) in bitmaps)
            bitmap.OnRecord = entry;
    }

    private static BitmapCatalogue.Entry? EntryOf(DirtyBitmap bitmap)
    {
        if (!bitmap.IsPersistent)
            return null;
        var entry = new BitmapCatalogue.Entry(
            bitmap.Disk, bitmap.Name, bitmap.Marks.GranularityBytes, bitmap.IsEnabled, bitmap.IsInconsistent, bitmap.Marks.FileName!,
            bitmap.Successor?.FileName);
        return bitmap.GivesWay ? GivenWay(entry) : entry;
    }

    private static BitmapCatalogue.Entry? GivenWay(BitmapCatalogue.Entry? entry) =>
        entry is null ? null : entry with { File = entry.Successor!, Successor = null };

    /// <summary>A change has been recorded: these are the bitmaps.</summary>
    internal void Show(IReadOnlyList<DirtyBitmap> bitmaps)
    {
        lock (_sync)
        {
            _bitmaps.Clear();
            _bitmaps.AddRange(bitmaps);
        }

        ShowRecorders();
    }

    /// <summary>Closes marks that count no more, and removes their file.</summary>
    internal void Delete(BitmapMarks marks)
    {
        // Memory alone holds it open: nothing of it can fail that anybody has to hear of.
        _ = marks.DisposeAsync();
        if (marks.FileName is { } name)
            TryDelete(name);
    }

    private void TryDelete(string file)
    {
        try
        {
            _files.Delete(file);
        }
        catch (IOException)
        {
            // Nothing names it any more: the next open removes it.
        }
    }

    private void ShowRecorders()
    {
        foreach ((string disk, BitmapRecorder recorder) in _recorders)
            recorder.Show(RecordingOf(disk));
    }

    private DirtyBitmap[] RecordingOf(string disk) =>
        [.. _bitmaps.Where(bitmap => bitmap.Disk == disk && bitmap is { IsEnabled: true, IsInconsistent: false })];

    private async ValueTask<DirtyBitmap> LoadAsync(BitmapCatalogue.Entry entry, bool isTrusted)
    {
        BitmapMarks? marks = null;
        if (isTrusted && !entry.IsInconsistent)
        {
            marks = await TryLoadAsync(entry, entry.File);
            if (marks is not null && entry.Successor is { } successor && !await TryMergeAsync(entry, marks, successor))
            {
                await marks.DisposeAsync();
                marks = null;
            }
        }

        var bitmap = new DirtyBitmap(entry.Disk, entry.Name, marks ?? Lost(entry)) { IsEnabled = entry.IsEnabled };
        if (marks is null)
            bitmap.BecomeInconsistent();
        return bitmap;
    }

    private async ValueTask<BitmapMarks?> TryLoadAsync(BitmapCatalogue.Entry entry, string name)
    {
        long lengthBytes = _lengths[entry.Disk];
        BlockNode? file = null;
        try
        {
            file = _files.Open(name, $"{entry.Disk}.{name}");
            if (file is null)
                return null;
            return new BitmapMarks(
                null, await PersistentBitmap.LoadAsync(file, lengthBytes, entry.GranularityBytes, _durable), name, entry.GranularityBytes, lengthBytes);
        }
        catch (IOException)
        {
            if (file is not null)
                await file.DisposeAsync();
            return null;
        }
    }

    private async ValueTask<bool> TryMergeAsync(BitmapCatalogue.Entry entry, BitmapMarks marks, string successor)
    {
        if (await TryLoadAsync(entry, successor) is not { } newer)
            return false;
        try
        {
            await marks.OrAsync(newer.Bits, newer.GranularityBytes);
            return true;
        }
        catch (BlockException)
        {
            return false;
        }
        finally
        {
            await newer.DisposeAsync();
        }
    }

    /// <summary>What stands for marks that cannot be trusted: its file keeps its name until the bitmap is removed.</summary>
    private BitmapMarks Lost(BitmapCatalogue.Entry entry)
    {
        long lengthBytes = _lengths[entry.Disk];
        return new BitmapMarks(
            new BlockBitmap((lengthBytes + entry.GranularityBytes - 1) / entry.GranularityBytes), null, entry.File, entry.GranularityBytes,
            lengthBytes);
    }

    /// <summary>Removes files that the catalogue does not name.</summary>
    private void Sweep()
    {
        HashSet<string> named = [.. _bitmaps.Select(bitmap => bitmap.Marks.FileName!), .. _others.Select(entry => entry.File)];
        named.UnionWith(_others.Select(entry => entry.Successor ?? entry.File));
        foreach (string name in _files.List().Where(name => name.StartsWith(FilePrefix, StringComparison.Ordinal) && !named.Contains(name)))
            _files.Delete(name);
    }
}
