using Replication.Block;
using Replication.Jobs.Backup;

namespace Replication.Jobs.Fleecing;

/// <summary>The job beneath a fleecing export: QEMU's <c>sync=none</c>. It rests, while guest writes copy what they are about to change.</summary>
/// <remarks>
/// Cancelled, or failed: its bitmap is as if nobody had read. Done: the bitmap's successor, which has marked since the moment, takes its place.
/// </remarks>
internal sealed class FleeceWork(Fleece fleece, BackupPlan plan, TimeProvider time) : JobWork
{
    private readonly PointInTime _pointInTime = plan.PointInTime;
    private readonly Lock _sync = new();
    private JobContext? _context; // guarded by _sync; null before it runs
    private bool _isDone; // guarded by _sync
    private bool _succeeded;

    public override async Task RunAsync(JobContext context)
    {
        context.Grow(_pointInTime.WantedBytes);
        _pointInTime.TellCopied(context.Advance);
        lock (_sync)
            _context = context;
        await context.RestAsync(() => IsDone || _pointInTime.Broken is not null);
        if (_pointInTime.Broken is { } broken)
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
        if (plan.Bitmap is { } bitmap)
            await bitmap.PrepareAsync(null, bitmap.GranularityBytes);
    }

    public override ValueTask CommitAsync()
    {
        _succeeded = true;
        plan.Bitmap?.Commit();
        return default;
    }

    public override async ValueTask CleanAsync()
    {
        Task closed = CloseAsync();
        if (!closed.IsCompleted)
            await GiveUpUnlessAsync(closed);
        await closed;
        if (!_succeeded && plan.Bitmap is { } bitmap)
            await bitmap.GiveBackAsync(bitmap.Frozen, bitmap.GranularityBytes);
        fleece.Ended(_succeeded);
    }

    /// <summary>Neither the guest nor a reader waits for the target any more.</summary>
    public override void GiveUp()
    {
        _pointInTime.Break(new BlockException(
            BlockErrorKind.Io, plan.Target.Name, BlockOperation.Write, default, "the target did not answer in time and was given up", Errno.ECANCELED));
        plan.Cut();
    }

    private async Task CloseAsync()
    {
        await fleece.WithdrawAsync();
        await plan.CloseAsync();
    }

    /// <summary>Readers and copies that are under way in the target get some time, and no more.</summary>
    private async Task GiveUpUnlessAsync(Task closed)
    {
        using var limit = new CancellationTokenSource();
        Task expired = Task.Delay(Limits.CancelPatience, time, limit.Token);
        if (await Task.WhenAny(closed, expired) == expired)
            GiveUp();
        else
            limit.Cancel();
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
