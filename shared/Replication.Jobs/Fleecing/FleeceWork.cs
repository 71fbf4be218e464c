using Replication.Jobs.Backup;

namespace Replication.Jobs.Fleecing;

/// <summary>The job beneath a fleecing export: QEMU's <c>sync=none</c>. It rests, while guest writes copy what they are about to change.</summary>
/// <remarks>Cancelled, or failed: its bitmap is as if nobody had read. Done: the bitmap's successor, which has marked since the moment, takes its place.</remarks>
internal sealed class FleeceWork(Fleece fleece, PointInTime pointInTime, IBackupBitmap? bitmap, Func<ValueTask> closeAsync) : JobWork
{
    private readonly Lock _sync = new();
    private JobContext? _context; // guarded by _sync; null before it runs
    private bool _isDone; // guarded by _sync
    private bool _succeeded;

    public override async Task RunAsync(JobContext context)
    {
        context.Grow(pointInTime.ToCopyBytes);
        pointInTime.Copied = context.Advance;
        lock (_sync)
            _context = context;
        await context.RestAsync(() => IsDone || pointInTime.Broken is not null);
        if (pointInTime.Broken is { } broken)
            throw broken;
    }

    /// <summary>The reader has everything: the job succeeds.</summary>
    public void Finish()
    {
        lock (_sync)
            _isDone = true;
        Wake();
    }

    /// <summary>The job looks whether it is over.</summary>
    public void Wake()
    {
        JobContext? context;
        lock (_sync)
            context = _context;
        context?.Wake();
    }

    public override async ValueTask PrepareAsync()
    {
        if (bitmap is not null)
            await bitmap.PrepareAsync(null, bitmap.GranularityBytes);
    }

    public override ValueTask CommitAsync()
    {
        _succeeded = true;
        bitmap?.Commit();
        return default;
    }

    public override async ValueTask CleanAsync()
    {
        await fleece.WithdrawAsync();
        await closeAsync();
        if (!_succeeded && bitmap is not null)
            await bitmap.GiveBackAsync(bitmap.Frozen, bitmap.GranularityBytes);
        fleece.Ended(_succeeded);
    }

    private bool IsDone
    {
        get
        {
            lock (_sync)
                return _isDone;
        }
    }
}
