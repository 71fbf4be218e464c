using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Locks;
using Replication.Block.Snapshots;

namespace Replication.Jobs.Backup;

/// <summary>
/// A disk as it was at one moment: what has been copied is in the target, what has not is still in the source. Guest writes copy what they are about to
/// change, a job may copy the rest, and readers see both as one.
/// </summary>
/// <remarks>
/// Per cluster: somebody wants it (<c>_wanted</c>); it still has to be copied before it may change (<c>_toCopy</c>); it is in the target (<c>_done</c>).
/// A copy claims its clusters by clearing them in <c>_toCopy</c>, and sets them again where it fails: what is wanted and not done is in the source.
/// The order of copying, changing and reading is one lock on clusters. Before a change it is taken exclusively: that waits for the copies that are under way
/// there, and for every reader that may have found the cluster uncopied and still reads it from the source. Copies of the job and readers share it: neither
/// changes the source. A reader looks up and reads under one lock, so that what it found stays true (QEMU calls these frozen reads).
/// </remarks>
internal sealed partial class PointInTime : IBeforeWrite
{
    private readonly BlockNode _source;
    private readonly BlockNode _target;
    private readonly PointInTimeOptions _options;
    private readonly TimeProvider _time;
    private readonly CopyBuffers _buffers;
    private readonly RangeLock _clusters = new();
    private readonly BlockBitmap _toCopy;
    private readonly BlockBitmap _done;
    private readonly BlockBitmap _wanted;
    private readonly Lock _sync = new();
    private volatile bool _asked; // a hint: what is lost or late of it costs a moment's speed
    private readonly TaskCompletionSource _lost = new(); // completes with _broken
    private BlockException? _broken; // guarded by _sync; why there is no point in time any more
    private volatile bool _isBroken; // set under _sync, with _broken
    private long _copiedBytes; // guarded by _sync
    private Action<long>? _copied; // guarded by _sync; who is told of them
    private int _copies; // guarded by _sync; under way, those that nobody waits for any more included
    private TaskCompletionSource? _settled; // guarded by _sync

    /// <param name="source">The disk below whoever asks before each change.</param>
    /// <param name="target">As long as the source.</param>
    /// <param name="toCopy">A bit for each cluster that is wanted. Belongs to this object from now on.</param>
    /// <param name="options">How it is kept.</param>
    /// <param name="buffers">Where copies take their memory from.</param>
    /// <param name="time">The node's.</param>
    public PointInTime(BlockNode source, BlockNode target, BlockBitmap toCopy, PointInTimeOptions options, CopyBuffers buffers, TimeProvider time)
    {
        Invariant.Check(source.LengthBytes == target.LengthBytes, "source and target have one length");
        Invariant.Check(toCopy.LengthBits == (source.LengthBytes + options.ClusterBytes - 1) / options.ClusterBytes, "a bit for each cluster");
        (_source, _target, _toCopy, _options, _buffers, _time) = (source, target, toCopy, options, buffers, time);
        _done = new BlockBitmap(toCopy.LengthBits);
        _held = new BlockBitmap(toCopy.LengthBits);
        _wanted = new BlockBitmap(toCopy.LengthBits);
        _wanted.Or(toCopy);
        WantedBytes = ToCopyBytes;
    }

    /// <summary>Everything that is wanted of the disk, copied or not.</summary>
    public long WantedBytes { get; }

    /// <summary>Called once, when the point in time is given up; on any thread, that of a guest's write among them.</summary>
    public Action GivenUp { get; set; } = () => { };

    /// <summary>The clusters that have not been copied, for who has to remember them. Exact when no copy is under way.</summary>
    public BlockBitmap NotCopied => _toCopy;

    /// <summary>The clusters that are wanted, copied or not. Exact when nobody reads.</summary>
    public BlockBitmap Wanted => _wanted;

    public int ClusterBytes => _options.ClusterBytes;

    public long LengthBytes => _source.LengthBytes;

    /// <summary>Tells of what has been copied, the guest's copies too: first what has been so far, then each as it succeeds.</summary>
    public void TellCopied(Action<long> copied)
    {
        long soFarBytes;
        lock (_sync)
            (soFarBytes, _copied) = (_copiedBytes, copied);
        copied(soFarBytes);
    }

    /// <summary>Bytes that are still to be copied: whole clusters, the last one as far as the disk goes.</summary>
    public long ToCopyBytes
    {
        get
        {
            long missingBytes = _toCopy.LengthBits * _options.ClusterBytes - _source.LengthBytes;
            return _toCopy.Count * _options.ClusterBytes - (_toCopy.LengthBits > 0 && _toCopy[_toCopy.LengthBits - 1] ? missingBytes : 0);
        }
    }

    /// <summary>Why there is no point in time any more; null as long as there is.</summary>
    public BlockException? Broken
    {
        get
        {
            lock (_sync)
                return _broken;
        }
    }

    /// <summary>Whether the guest has written since the last look.</summary>
    public bool TakeAsked()
    {
        bool asked = _asked;
        if (asked)
            _asked = false;
        return asked;
    }

    public async ValueTask BeforeWriteAsync(BlockRange range)
    {
        // A guest that writes much must not take the line from the copying thread each time.
        if (!_asked)
            _asked = true;
        // Once it is lost nobody waits: not for readers, which learn of it behind their reads, nor for copies that hang.
        if (_isBroken)
            return;
        if (await FailureOfAsync(range) is not { } failure)
            return;
        // What is lost already needs no guest's write to fail for it.
        if (_options.OnCbwError == OnCbwError.BreakGuestWrite && !_isBroken)
            throw failure;
        Break(failure);
    }

    /// <summary>Gives the point in time up: from here on changes pass, and readers get EACCES.</summary>
    public void Break(BlockException why)
    {
        lock (_sync)
        {
            if (_broken is not null)
                return;
            _broken = why;
            _isBroken = true;
        }

        _lost.SetResult();
        GivenUp();
    }

    /// <summary>Completes when no copy is under way, not even one that a guest's write has stopped waiting for. Nobody may ask any more.</summary>
    public Task SettleAsync()
    {
        lock (_sync)
            return _copies == 0 ? Task.CompletedTask : (_settled ??= new TaskCompletionSource()).Task;
    }

    /// <summary>Keeps what a guest's write is about to change. What it waits for, the copy and whoever is before it, has one time limit.</summary>
    private async ValueTask<BlockException?> FailureOfAsync(BlockRange range)
    {
        BlockRange clusters = Align(range);
        long began = _options.CbwTimeout == TimeSpan.Zero ? 0 : _time.GetTimestamp();
        try
        {
            if (await GrantedAsync(_clusters.AcquireAsync(clusters), _options.CbwTimeout) is not { } ticket)
                return null;
            if (!_isBroken && _toCopy.AnySet(First(clusters), Count(clusters)))
            {
                // It goes on when nobody waits for it any more: the lock is released with its end.
                return await FailureOfAsync(CopyLockedAsync(clusters, ticket), began);
            }

            _clusters.Release(ticket);
            return null;
        }
        catch (TimeoutException e)
        {
            return new BlockException(
                BlockErrorKind.TimedOut, _target.Name, BlockOperation.Write, range,
                $"the old content could not be kept within {_options.CbwTimeout.TotalMilliseconds:0} ms", inner: e);
        }
    }

    /// <summary>The lock that was asked for; null: the point in time was lost before it came, and it is given back as soon as it does.</summary>
    /// <param name="asked">The lock.</param>
    /// <param name="patience">Zero: none is needed.</param>
    /// <exception cref="TimeoutException">It has not come in time; the same.</exception>
    private async ValueTask<RangeLock.Ticket?> GrantedAsync(ValueTask<RangeLock.Ticket> asked, TimeSpan patience)
    {
        if (asked.IsCompleted)
            return await asked;
        Task<RangeLock.Ticket> granted = asked.AsTask();
        Task first = Task.WhenAny(granted, _lost.Task.OwnAsync());
        try
        {
            await (patience == TimeSpan.Zero ? first : first.WaitAsync(patience, _time));
        }
        catch (TimeoutException)
        {
            _ = ReleaseAsync(granted);
            throw;
        }

        if (granted.IsCompleted)
            return await granted;
        _ = ReleaseAsync(granted);
        return null;
    }

    private async Task ReleaseAsync(Task<RangeLock.Ticket> granted) => _clusters.Release(await granted);

    private async ValueTask<BlockException?> FailureOfAsync(Task<BlockException?> copy, long began)
    {
        if (_options.CbwTimeout == TimeSpan.Zero || copy.IsCompleted)
            return await copy;
        TimeSpan left = _options.CbwTimeout - _time.GetElapsedTime(began);
        return await copy.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _time);
    }

    private async Task<BlockException?> CopyLockedAsync(BlockRange clusters, RangeLock.Ticket ticket)
    {
        Enter();
        try
        {
            for (BlockRange run = Claim(clusters); !run.IsEmpty; run = Claim(clusters))
                await CopyClaimedAsync(run);
            return null;
        }
        catch (BlockException e)
        {
            return e;
        }
        finally
        {
            _clusters.Release(ticket);
            Leave();
        }
    }

    /// <summary>Takes the first run of clusters of a range that are to be copied out of the map; the caller holds their lock. Empty: there is none.</summary>
    private BlockRange Claim(BlockRange clusters)
    {
        int mostBytes = _options.Offload is { IsPossible: true } ? Limits.OffloadBytes : _buffers.LengthBytes;
        long end = First(clusters) + Count(clusters);
        long first = _toCopy.NextSet(First(clusters), end);
        if (first == end)
            return default;
        long last = _toCopy.NextClear(first, Math.Min(end, first + Math.Max(1, mostBytes / _options.ClusterBytes)));
        _toCopy.Clear(first, last - first);
        return RangeOf(first, last);
    }

    private async ValueTask CopyClaimedAsync(BlockRange run)
    {
        try
        {
            await CopyBytesAsync(run);
            _done.Set(First(run), Count(run));
            CountCopied(run.LengthBytes);
        }
        catch
        {
            _toCopy.Set(First(run), Count(run));
            throw;
        }
    }

    private void CountCopied(long lengthBytes)
    {
        Action<long>? copied;
        lock (_sync)
        {
            _copiedBytes += lengthBytes;
            copied = _copied;
        }

        copied?.Invoke(lengthBytes);
    }

    private void Enter()
    {
        lock (_sync)
            _copies++;
    }

    private void Leave()
    {
        TaskCompletionSource? settled = null;
        lock (_sync)
        {
            if (--_copies == 0)
                (settled, _settled) = (_settled, null);
        }

        settled?.SetResult();
    }

    private long First(BlockRange clusters) => clusters.OffsetBytes / _options.ClusterBytes;

    private long Count(BlockRange clusters) => (clusters.EndBytes + _options.ClusterBytes - 1) / _options.ClusterBytes - First(clusters);

    /// <summary>Rounded out to clusters; the last one ends with the disk.</summary>
    private BlockRange Align(BlockRange range) => RangeOf(First(range), First(range) + Count(range));

    private BlockRange RangeOf(long first, long end) =>
        BlockRange.FromBounds(first * _options.ClusterBytes, Math.Min(_source.LengthBytes, end * _options.ClusterBytes));
}
