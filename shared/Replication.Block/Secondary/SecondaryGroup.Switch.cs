using Replication.Block.Locks;
using Replication.Block.Overlay;
using Replication.Block.State;

namespace Replication.Block.Secondary;

// The checkpoint: a change of epoch or stage on every disk or on none, in constant time.
public sealed partial class SecondaryGroup
{
    /// <summary>
    /// Changes epoch and stage of the whole group; see <see cref="SwitchRequest"/>. A checkpoint, the first one after a sync, a final stop.
    /// </summary>
    public async ValueTask<SwitchResult> CheckpointAsync(SwitchRequest request)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            Invariant.Check(Record is not null, "a group has a record before its first switch");
            // Before the gate: a switch that cannot be must not hold up requests, or wait behind a hung one.
            if (WhyRefused(request) is { } reason)
                return new SwitchResult(SwitchOutcome.Refused, Record, reason);
            OverlaySet? next = null;
            try
            {
                // Ahead of the hold, so that under the closed gate only little is left to flush.
                if (request.FlushesAhead && MustBeSafe(request) && await FlushAheadAsync() is { } late)
                    return late;
                next = request.WithOverlays ? await TakePreparedAsync() : null;
            }
            catch (IOException e)
            {
                return new SwitchResult(SwitchOutcome.Failed, Record, $"the next epoch cannot be prepared: {e.Message}", e);
            }

            SwitchResult result = await SwitchAsync(request, next);
            if (result.Switched && next is not null)
                PrepareNext();
            else if (result.Switched)
                _options.Worker.Post(DiscardPreparedAsync);
            else if (next is not null && (next.IsUsed || Interlocked.CompareExchange(ref _prepared, next, null) is not null))
                Retire(next);
            return result;
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    /// <summary>Makes the next epoch's overlays now, so that a switch need not.</summary>
    /// <exception cref="IOException">They cannot be made.</exception>
    public async ValueTask PrepareAsync()
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            if (Volatile.Read(ref _prepared) is not null)
                return;
            OverlaySet made = await _store.CreateAsync(NextSetId());
            if (Interlocked.CompareExchange(ref _prepared, made, null) is not null)
                await _store.DeleteAsync(made);
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    private async ValueTask<SwitchResult> SwitchAsync(SwitchRequest request, OverlaySet? next)
    {
        RangeLock.Ticket view = await HoldViewAsync();
        try
        {
            if (next is not null && ViewState == ViewState.None && _options.ViewAppearing is { } appearing)
                await appearing();
            return await SwitchHeldAsync(request, next);
        }
        catch (BlockException e)
        {
            return new SwitchResult(SwitchOutcome.Failed, Record!, $"the new epoch is not on record: {e.Message}", e);
        }
        finally
        {
            ReleaseView(view);
        }
    }

    // The view is held.
    private async ValueTask<SwitchResult> SwitchHeldAsync(SwitchRequest request, OverlaySet? next)
    {
        long began = _options.Time.GetTimestamp();
        if (!await Gate.CloseAsync(request.Deadline))
            return new SwitchResult(SwitchOutcome.TimedOut, Record!, $"requests under way did not end within {request.Deadline.TotalMilliseconds:0} ms");
        try
        {
            if (WhyRefused(request) is { } reason)
                return new SwitchResult(SwitchOutcome.Refused, Record!, reason);
            if (MustBeSafe(request))
            {
                if (await MakeSafeAsync(request, next, began) is { } failed)
                    return failed;
                // A flush that was under way may have failed meanwhile: what it lost was not there any more when it was copied (invariants View, Whole).
                if (WhyRefused(request) is { } since)
                    return new SwitchResult(SwitchOutcome.Refused, Record!, since);
            }

            EpochRecord written = await WriteRecordAsync(request.Next(Record!) with { OverlaySet = next?.Id ?? 0 });
            SwapLayers(next, viewStays: request.EndsCommit);
            return new SwitchResult(SwitchOutcome.Switched, written);
        }
        finally
        {
            Gate.Open();
        }
    }

    private string? WhyRefused(SwitchRequest request)
    {
        if (request.EndsCommit)
            return null;
        // A checkpoint that comes after a promotion would throw the view away that was promoted.
        if (Stage is NodeStage.Failover or NodeStage.FailoverFailed)
            return "the secondary has been promoted";
        if (request.AbandonsView)
            return null;
        // Invariant Whole, whoever asks and before the role has recorded it.
        return request.Precondition?.Invoke() ?? (
            _state.Session is { Failed: true } ? "a mirrored write has failed: the disk may lack it until a sync completes" : null);
    }

    // Under a turn and the closed gate, after the record.
    private void SwapLayers(OverlaySet? next, bool viewStays)
    {
        OverlaySet? old = _live;
        _live = next;
        OverlaysLost = false;
        _room.Main.BeginEpoch();
        for (int i = 0; i < Disks.Count; i++)
            Disks[i].CopyBeforeWrite.DoCheckpoint(next?.Disks[i]);
        if (viewStays)
            _pins.Detach();
        if (old is not null && (viewStays || !_pins.KeepOld()))
            Retire(old);
    }

    private ulong NextSetId() => Interlocked.Increment(ref _lastSetId);

    private async ValueTask<OverlaySet> TakePreparedAsync() => Interlocked.Exchange(ref _prepared, null) ?? await _store.CreateAsync(NextSetId());

    private void PrepareNext() => _options.Worker.Post(async () =>
    {
        if (_ending || Volatile.Read(ref _prepared) is not null)
            return;
        try
        {
            OverlaySet made = await _store.CreateAsync(NextSetId());
            if (Interlocked.CompareExchange(ref _prepared, made, null) is not null)
                await _store.DeleteAsync(made);
            else if (_ending)
                await DiscardPreparedAsync();
        }
        catch (IOException)
        {
            // The checkpoint that needs it makes it itself, and reports why it cannot.
        }
    });

    private void Retire(OverlaySet set)
    {
        bool isBusy = set.IsBusy;
        if (!isBusy)
            set.BeginRetiring();
        _options.Worker.Post(async () =>
        {
            if (isBusy)
            {
                await set.UnusedAsync();
                set.BeginRetiring();
            }

            await _store.RetireAsync(set, _options.Worker, () => _ending);
            if (_ending || _room.Reserve is not { } reserve)
                return;
            // What the guest had to take is set aside again; a promoted node whose layers are gone needs none.
            if (Stage != NodeStage.Done)
            {
                await reserve.FillAsync();
                return;
            }

            _room.Reserve = null;
            await reserve.DisposeAsync();
        });
    }

    private async ValueTask DiscardPreparedAsync()
    {
        if (Interlocked.Exchange(ref _prepared, null) is { } prepared)
            await _store.DeleteAsync(prepared);
    }
}
