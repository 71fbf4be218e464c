using Replication.Block;

namespace Replication.Jobs.Backup;

/// <summary>Copies a disk as it was at one moment, while its guest goes on.</summary>
/// <remarks>
/// One loop looks for what is still to be copied and keeps a number of copies under way; what fails is to be copied again, and found again by the loop. The
/// loop alone stands still at pause points, with nothing under way, so that a paused job does not move. The guest's own copies go on meanwhile.
/// </remarks>
internal sealed class BackupWork(BackupPlan plan, TimeProvider time) : JobWork
{
    private readonly PointInTime _pointInTime = plan.PointInTime;
    private readonly List<Task> _copies = [];
    private bool _succeeded;
    private bool _mayLack; // a flush of the target has failed: what was copied before may be lost, whatever the next one says
    private volatile BlockException? _givenUp; // set once
    private volatile BlockException? _failure; // the first one that is to be reported

    public override async Task RunAsync(JobContext context)
    {
        // The guest may have copied before the job began: that counts as well.
        context.Grow(_pointInTime.WantedBytes);
        _pointInTime.TellCopied(context.Advance);
        if (plan.Sync == BackupSync.None)
        {
            await RestAsync(context);
            return;
        }

        try
        {
            await CopyAllAsync(context);
        }
        finally
        {
            await Task.WhenAll(_copies);
        }

        if (_pointInTime.Broken is { } broken)
            throw broken;
        _mayLack = true;
        await UnlessGivenUpAsync(plan.Target.FlushAsync());
        _mayLack = false;
    }

    public override async ValueTask PrepareAsync()
    {
        // The guest may have broken it since: what is in the target is whole all the same, for everything has been copied.
        _mayLack = true;
        await UnlessGivenUpAsync(plan.SealAsync());
        _mayLack = false;
        if (plan.Bitmap is { } bitmap)
            await bitmap.PrepareAsync(plan.BitmapMode == BitmapMode.Never ? bitmap.Frozen : null, bitmap.GranularityBytes);
    }

    public override ValueTask CommitAsync()
    {
        _succeeded = true;
        plan.Sealed();
        plan.Bitmap?.Commit();
        return default;
    }

    public override async ValueTask CleanAsync()
    {
        bool isAlways = !_succeeded && plan is { Bitmap: not null, BitmapMode: BitmapMode.Always };
        bool isKept = isAlways && await HasWhatWasCopiedAsync();
        await plan.CloseAsync();
        if (_succeeded || plan.Bitmap is not { } bitmap)
            return;
        if (isAlways)
            await bitmap.GiveBackAsync(isKept ? _pointInTime.NotCopied : _pointInTime.Wanted, _pointInTime.ClusterBytes);
        else
            await bitmap.GiveBackAsync(bitmap.Frozen, bitmap.GranularityBytes);
    }

    /// <summary>What was copied is in the target for good: only then may its marks go.</summary>
    private async ValueTask<bool> HasWhatWasCopiedAsync()
    {
        if (_mayLack || _givenUp is not null)
            return false;
        try
        {
            await plan.Target.FlushAsync();
            return true;
        }
        catch (BlockException)
        {
            return false;
        }
    }

    /// <summary>The guest comes first: its writes that wait for a copy pass, whatever becomes of the copy.</summary>
    public override void GiveUp()
    {
        _givenUp = new BlockException(
            BlockErrorKind.Io, plan.Target.Name, BlockOperation.Write, default, "the target did not answer in time and was given up", Errno.ECANCELED);
        _pointInTime.Break(_givenUp);
        plan.Cut();
    }

    /// <summary>What being cut off makes of it is no error of the target.</summary>
    private async ValueTask UnlessGivenUpAsync(ValueTask operation)
    {
        try
        {
            await operation;
        }
        catch (BlockException) when (_givenUp is { } givenUp)
        {
            throw givenUp;
        }
    }

    /// <summary>Until somebody cancels it, or there is no point in time any more.</summary>
    private async Task RestAsync(JobContext context)
    {
        _pointInTime.GivenUp = context.WakeApart;
        await context.RestAsync(() => _pointInTime.Broken is not null);
        throw _pointInTime.Broken!;
    }

    private async Task CopyAllAsync(JobContext context)
    {
        long at = 0;
        while (true)
        {
            await DrainAsync(plan.Workers - 1);
            if (context.IsToPause)
                await DrainAsync(0);
            await context.PausePointAsync();
            ThrowIfFailed();
            BlockRange next = _pointInTime.Next(at, ChunkBytes());
            if (!next.IsEmpty)
            {
                if (!await context.PaceAsync(next.LengthBytes))
                    continue;
                at = next.EndBytes;
                _copies.Add(CopyAsync(context, next));
                continue;
            }

            // What has failed meanwhile is to be copied again, and is found from the beginning on.
            await DrainAsync(0);
            ThrowIfFailed();
            if (_pointInTime.ToCopyBytes == 0)
                return;
            at = 0;
        }
    }

    /// <summary>
    /// The guest comes first: a raw file is copied on this thread without ever waiting, and what the guest waits for, a processor or the end of a copy, it
    /// then gets sooner.
    /// </summary>
    private int ChunkBytes()
    {
        if (!_pointInTime.TakeAsked())
            return plan.ChunkBytes;
        Thread.Yield();
        return Math.Min(plan.ChunkBytes, Limits.BesideGuestBytes);
    }

    private async Task CopyAsync(JobContext context, BlockRange range)
    {
        try
        {
            await _pointInTime.CopyAsync(range);
        }
        catch (BlockException e)
        {
            bool isSource = e.Node == plan.Source;
            ErrorAction action = _pointInTime.Broken is not null
                ? ErrorAction.Report
                : context.TakeError(isSource ? plan.OnSourceError : plan.OnTargetError, isSource ? BlockOperation.Read : BlockOperation.Write, e.Errno);
            if (action == ErrorAction.Report)
                _failure ??= _givenUp ?? e;
            else if (action == ErrorAction.Ignore)
                await Task.Delay(Limits.IgnoredErrorRest, time);
        }
    }

    private async Task DrainAsync(int allowed)
    {
        _copies.RemoveAll(copy => copy.IsCompleted);
        while (_copies.Count > allowed)
        {
            await Task.WhenAny(_copies);
            _copies.RemoveAll(copy => copy.IsCompleted);
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
            throw failure;
    }
}
