using Replication.Block;

namespace Replication.Roles.Primary;

/// <remarks>
/// The pair's checkpoint, seen from the primary. A hold ends in one of four ways: End(committed), End(aborted), End(unknown), or the lease runs out, which is
/// like unknown. After an unknown end the secondary's record is the truth: the primary asks for it before it begins another epoch.
/// </remarks>
internal sealed partial class PrimaryRole
{
    private CheckpointHold? _hold; // guarded by _changes
    private bool _epochInDoubt; // guarded by _changes; the secondary may have switched to an epoch that we have not adopted

    public async Task<BegunCheckpoint> BeginCheckpointAsync(ulong epoch, TimeSpan? deadline, CancellationToken cancellationToken)
    {
        Check(Verb.BeginCheckpoint);
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        using Interruption interruption = Interruptible(cancellationToken);
        try
        {
            return await BeginCheckpointUnderVerbsAsync(epoch, deadline, interruption.Token);
        }
        catch (OperationCanceledException e)
        {
            throw AsVerbFailure("checkpoint", e);
        }
    }

    private async Task<BegunCheckpoint> BeginCheckpointUnderVerbsAsync(ulong epoch, TimeSpan? deadline, CancellationToken cancellationToken)
    {
        Check(Verb.BeginCheckpoint);
        cancellationToken.ThrowIfCancellationRequested();
        _cameBackByItself = false;
        (CheckpointHold? held, bool inDoubt) = await LastCheckpointAsync();
        if (held is not null && (epoch == 0 || held.Begun.Epoch == epoch))
            return held.Begun;
        if (held is not null)
            throw new VerbException(VerbFailure.Refused, $"checkpoint is refused: the checkpoint to epoch {held.Begun.Epoch} has not ended");
        if (inDoubt)
            await ResolveEpochAsync(cancellationToken);

        ulong next = State.Record.Epoch + 1;
        if (epoch != 0 && epoch != next)
            throw new VerbException(VerbFailure.Refused, $"checkpoint to epoch {epoch} is refused: the primary is at epoch {next - 1}, the next one is {next}");
        MirrorAttachment attachment = _attachment ?? throw new VerbException(VerbFailure.Refused, "checkpoint is refused: the mirror has just been lost");
        return await HoldAndDrainAsync(attachment, next, deadline ?? Options.Mirror.Deadline, lease: true, cancellationToken);
    }

    /// <summary>Where the last checkpoint has got to. One moment: a lease may run out at any other.</summary>
    private async Task<(CheckpointHold? Held, bool InDoubt)> LastCheckpointAsync()
    {
        using (await _changes.EnterAsync())
            return (_hold, _epochInDoubt);
    }

    public async Task<(ulong Epoch, TimeSpan Hold)> EndCheckpointAsync(ulong epoch, CheckpointOutcome outcome, CancellationToken cancellationToken)
    {
        CheckpointHold? hold;
        TimeSpan held = TimeSpan.Zero;
        using (await _changes.EnterAsync())
        {
            hold = _hold;
            if (hold is not null && hold.Begun.Epoch != epoch)
                throw new VerbException(VerbFailure.Refused, $"the checkpoint that is under way goes to epoch {hold.Begun.Epoch}, not {epoch}");
            if (hold is not null)
                held = await EndHoldUnderChangesAsync(hold, outcome);
        }

        if (hold is null)
            return (await EndLateAsync(epoch, outcome, cancellationToken), TimeSpan.Zero);
        _attachment?.WakeCleaner();
        if (outcome == CheckpointOutcome.Committed)
            Journal.Publish(EventTypes.Checkpoint, ("epoch", epoch));
        else
        {
            Journal.Publish(
                EventTypes.CheckpointAborted, ("epoch", epoch),
                ("cause", outcome == CheckpointOutcome.Unknown ? "the commit's reply was lost" : "aborted by the controller"));
        }

        if (outcome != CheckpointOutcome.Committed)
            await TryResolveEpochAsync();
        return (State.Record.Epoch, held);
    }

    /// <summary>
    /// The guest goes on first: until the record is written the epoch is in doubt, as it is where the lease has run out. The secondary's record is the truth,
    /// and the next checkpoint asks for it first; so does one that follows a record which cannot be written. Returns how long the guest was held.
    /// </summary>
    private async Task<TimeSpan> EndHoldUnderChangesAsync(CheckpointHold hold, CheckpointOutcome outcome)
    {
        ulong epoch = hold.Begun.Epoch;
        bool staysInDoubt = _epochInDoubt || outcome != CheckpointOutcome.Committed;
        _epochInDoubt = true;
        TimeSpan held = ReleaseHold(hold);
        if (outcome != CheckpointOutcome.Committed)
            return held;
        try
        {
            await State.RecordAsync(record => record with { Epoch = Math.Max(record.Epoch, epoch) });
        }
        catch (BlockException e)
        {
            Report(FailureCase.EmptyOverlay, "", e);
            throw;
        }

        _epochInDoubt = staysInDoubt;
        return held;
    }

    /// <summary>Drains without holding, then holds the guest's writes and drains the rest; one deadline from the hold on.</summary>
    private async Task<BegunCheckpoint> HoldAndDrainAsync(
        MirrorAttachment attachment, ulong epoch, TimeSpan deadline, bool lease, CancellationToken cancellationToken)
    {
        long began = Time.GetTimestamp();
        long drainedBytes = attachment.Session.UnansweredBytes;
        await CopyAndCloseGateAsync(attachment, deadline, cancellationToken);
        long heldAt = Time.GetTimestamp();
        try
        {
            drainedBytes += attachment.Session.UnansweredBytes;
            await attachment.DrainAsync(deadline);
            attachment.ThrowIfLost();
            var begun = new BegunCheckpoint(
                epoch, State.Generation, attachment.Token, attachment.Session.AnsweredWrites, drainedBytes, Time.GetElapsedTime(began))
            {
                Attempt = _context.NewId(),
            };
            if (lease)
                await HoldUnderLeaseAsync(attachment, begun, heldAt, deadline - Time.GetElapsedTime(heldAt));
            return begun;
        }
        catch
        {
            _gate.Open();
            throw;
        }
    }

    /// <summary>
    /// Waits until nothing needs a copy, for as long as that becomes less, and drains the window, all while the guest writes on; then the gate closes. Where
    /// something has begun to need a copy in between the guest goes on, and so does the wait, a bounded number of times.
    /// </summary>
    private async Task CopyAndCloseGateAsync(MirrorAttachment attachment, TimeSpan deadline, CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < Limits.HoldAttempts; attempt++)
        {
            await attachment.WaitUntilCopiedAsync(cancellationToken);
            if (attempt == 0)
                await attachment.FlushAheadAsync(deadline, cancellationToken);
            // A guest that keeps writing never lets the window run empty: this only makes the hold shorter, and is given up in time.
            await attachment.TryDrainAsync(Options.Mirror.Deadline / 4);
            await CloseGateAsync(deadline, "checkpoint");
            if (attachment.NeedsCopyBytes == 0)
                return;
            _gate.Open();
        }

        throw new VerbException(
            VerbFailure.Failed,
            $"checkpoint failed: the guest writes or zeroes faster than the mirror follows, {attachment.NeedsCopyBytes} bytes are still to be copied");
    }

    private async Task HoldUnderLeaseAsync(MirrorAttachment attachment, BegunCheckpoint begun, long heldAt, TimeSpan lease)
    {
        using (await _changes.EnterAsync())
        {
            // Either the loss comes first and is seen here, or it finds the hold and aborts it.
            attachment.ThrowIfLost();
            var hold = new CheckpointHold(begun, heldAt);
            hold.Lease = Time.CreateTimer(_ => OnLeaseRunOut(hold), null, lease > TimeSpan.Zero ? lease : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            _hold = hold;
        }
    }

    private void OnLeaseRunOut(CheckpointHold hold) => _context.Run("checkpoint lease", async () =>
    {
        using (await _changes.EnterAsync())
        {
            if (_hold != hold)
                return;
            _epochInDoubt = true;
            ReleaseHold(hold);
        }

        Journal.Publish(EventTypes.CheckpointAborted, ("epoch", hold.Begun.Epoch), ("cause", "the checkpoint's lease ran out before it was ended"));
        await TryResolveEpochAsync();
    });

    /// <summary>
    /// Call under <see cref="_changes"/>. Returns how long the guest was held: those who waited may run on this thread before the gate's opening returns.
    /// </summary>
    private TimeSpan ReleaseHold(CheckpointHold hold)
    {
        _hold = null;
        hold.Dispose();
        TimeSpan held = Time.GetElapsedTime(hold.HeldAtTimestamp);
        _gate.Open();
        return held;
    }

    /// <summary>Call under <see cref="_changes"/>.</summary>
    private void AbortHold(string cause)
    {
        if (_hold is not { } hold)
            return;
        _epochInDoubt = true;
        ReleaseHold(hold);
        Journal.Publish(EventTypes.CheckpointAborted, ("epoch", hold.Begun.Epoch), ("cause", cause));
    }

    /// <summary>An End that is repeated, or that comes after the lease ran out.</summary>
    private async Task<ulong> EndLateAsync(ulong epoch, CheckpointOutcome outcome, CancellationToken cancellationToken)
    {
        if (State.Record.Epoch < epoch && (outcome == CheckpointOutcome.Committed || _epochInDoubt))
            await ResolveEpochAsync(cancellationToken);
        if (outcome == CheckpointOutcome.Committed && State.Record.Epoch < epoch)
            throw new VerbException(VerbFailure.Failed, $"the checkpoint to epoch {epoch} was not committed: both nodes stay at epoch {State.Record.Epoch}");
        return State.Record.Epoch;
    }

    /// <summary>Asks the secondary which epoch it is in, and adopts it.</summary>
    private async Task ResolveEpochAsync(CancellationToken cancellationToken)
    {
        PeerPosition position = await RequirePeer().GetPositionAsync(Options.Group, cancellationToken);
        if (position.History.Count == 0 || position.Generation.Id != State.Generation.Id)
            return;
        await AdoptEpochAsync(position.Epoch);
    }

    private async Task TryResolveEpochAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(Options.Mirror.Deadline, Time);
            await ResolveEpochAsync(limit.Token);
        }
        catch (Exception e) when (e is VerbException or OperationCanceledException or IOException)
        {
            // The next checkpoint asks again before it begins; a dead peer is the mirror's to notice.
            _context.Log.EpochInDoubt(e.Message);
        }
    }

    private async Task AdoptEpochAsync(ulong epoch)
    {
        using (await _changes.EnterAsync())
        {
            if (epoch > State.Record.Epoch)
                await State.RecordAsync(record => record with { Epoch = epoch });
            _epochInDoubt = false;
        }
    }

    private async Task CloseGateAsync(TimeSpan deadline, string what)
    {
        if (!await _gate.CloseAsync(deadline))
            throw new VerbException(VerbFailure.Failed, $"{what} failed: guest writes in flight did not end within {deadline.TotalMilliseconds:0} ms");
    }
}
