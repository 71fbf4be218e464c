using Replication.Block.State;
using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

internal sealed partial class PrimaryRole
{
    private MirrorAttachment? _ending; // guarded by _changes: the secondary is asked to end this session
    private MirrorLoss? _lossWhileEnding; // guarded by _changes

    /// <summary>
    /// The operator's word that this node goes on alone: drops the mirror, begins a generation of its own and serves, whether the secondary can be reached or
    /// not. Repeated: the same generation.
    /// </summary>
    public async Task<FailoverResult> FailoverAsync()
    {
        Check(Verb.Failover);
        long began = Time.GetTimestamp();
        // Nothing unmirrored is acknowledged before the new generation is on record.
        _holds.Add(HoldReason.Promoting);
        Interlocked.Increment(ref _goingAlone);
        try
        {
            // Whatever verb is under way has its turn still; without its session it ends, and it does not wait for the
            // peer any longer. Those that wait for their turn end when they have it.
            _attachment?.Session.End();
            Interrupt();
            using AsyncMutex.Holder verb = await _verbs.EnterAsync();
            Check(Verb.Failover);
            await GoOnAloneAsync();
        }
        catch (IOException e)
        {
            // The session is over all the same, and that goes on record before anything is acknowledged.
            if (_attachment is { } attachment)
                await SettleLossAsync(attachment, new MirrorLoss(MirrorLossCause.Ended, "failover of the primary failed"), TimeSpan.Zero, Time.GetTimestamp());
            throw new VerbException(VerbFailure.Failed, $"failover failed, generation {State.Generation} stays in force: {e.Message}", e);
        }
        finally
        {
            Interlocked.Decrement(ref _goingAlone);
            _holds.Remove(HoldReason.Promoting);
        }

        return new FailoverResult(State.Generation, Time.GetElapsedTime(began), PrimaryFenced: false, Lost: null);
    }

    private async Task GoOnAloneAsync()
    {
        MirrorAttachment? attachment;
        using (await _changes.EnterAsync())
        {
            attachment = _attachment;
            AbortHold("failover of the primary");
            if (_stage != NodeStage.Standalone)
            {
                await State.BeginGenerationAsync(
                    State.Generation.Next(_context.NewId(), State.Record.Epoch),
                    record => record with
                    {
                        Stage = NodeStage.Standalone,
                        Flags = record.Flags & ~(EpochFlags.HadPeer | EpochFlags.MarksTrusted),
                        PairId = Guid.Empty
                    });
                Transition(NodeStage.Standalone);
                Journal.Publish(EventTypes.FailoverCompleted, ("node", "primary"), ("generation", State.Generation.Number));
            }

            _attachment = null;
            _holds.Remove(HoldReason.Unconfirmed | HoldReason.WaitedTooLong | HoldReason.RecordFailed);
        }

        if (attachment is not null)
        {
            await attachment.RemoveChildrenAsync();
            await attachment.CloseAsync();
        }

        // A peer that comes back knows another generation, and is compared by digests.
        await _marks.EndUntrustedAsync();
    }

    /// <summary>A last checkpoint under the hold, then the mirror goes: both disks are equal at that moment.</summary>
    public async Task<ulong> StopAsync(CancellationToken cancellationToken)
    {
        Check(Verb.Stop);
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        Check(Verb.Stop);
        using Interruption interruption = Interruptible(cancellationToken);
        try
        {
            interruption.Token.ThrowIfCancellationRequested();
            return await StopUnderVerbsAsync(interruption.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            throw AsVerbFailure("stop", e);
        }
    }

    private async Task<ulong> StopUnderVerbsAsync(CancellationToken cancellationToken)
    {
        (CheckpointHold? held, bool inDoubt) = await LastCheckpointAsync();
        if (held is not null)
            throw new VerbException(VerbFailure.Refused, $"stop is refused: the checkpoint to epoch {held.Begun.Epoch} has not ended");
        if (inDoubt)
            await ResolveEpochAsync(cancellationToken);
        MirrorAttachment attachment = _attachment ?? throw new VerbException(VerbFailure.Refused, "stop is refused: the mirror has just been lost");
        // Before the hold: a flush takes as long as it takes, and no guest waits for it (No hostage).
        await attachment.CleanAsync(cancellationToken);
        BegunCheckpoint begun = await HoldAndDrainAsync(attachment, State.Record.Epoch + 1, Options.Mirror.Deadline, lease: false, cancellationToken);
        try
        {
            return await EndReplicationAsync(attachment, begun);
        }
        finally
        {
            _gate.Open();
        }
    }

    /// <summary>The secondary ends the session before its reply arrives: meanwhile a loss of the session is what was asked for.</summary>
    private async Task<ulong> EndReplicationAsync(MirrorAttachment attachment, BegunCheckpoint begun)
    {
        long askedAt = Time.GetTimestamp();
        using (await _changes.EnterAsync())
            _ending = attachment;
        try
        {
            using var limit = new CancellationTokenSource(Options.Mirror.Deadline, Time);
            ulong epoch = await RequirePeer().StopReplicationAsync(begun.ToCommit(), limit.Token);
            using (await _changes.EnterAsync())
            {
                await State.RecordAsync(record => record with { Stage = NodeStage.Stopped, Epoch = epoch });
                _attachment = null;
                _ending = null;
                _lossWhileEnding = null;
                Transition(NodeStage.Stopped);
                Journal.Publish(EventTypes.Stopped, ("epoch", epoch));
            }
        }
        catch
        {
            await SettleLossWhileEndingAsync(attachment, askedAt);
            throw;
        }

        await attachment.RemoveChildrenAsync();
        await attachment.CloseAsync();
        _holds.EndSettling(attachment);
        return begun.Epoch;
    }

    private async Task SettleLossWhileEndingAsync(MirrorAttachment attachment, long askedAt)
    {
        MirrorLoss? loss;
        using (await _changes.EnterAsync())
        {
            loss = _lossWhileEnding;
            _lossWhileEnding = null;
            _ending = null;
            _epochInDoubt = true;
        }

        if (loss is not null)
            await SettleLossAsync(attachment, loss, TimeSpan.Zero, askedAt);
    }

    /// <summary>The process ends: what is in flight is answered, the secondary keeps its epoch, and the record says <c>detached</c>.</summary>
    private async Task DetachOrderlyAsync(MirrorAttachment attachment)
    {
        try
        {
            await attachment.DrainAsync(Options.Mirror.Deadline);
            await attachment.CleanAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or VerbException)
        {
            _context.Log.DrainFailed(e.Message);
        }

        using (await _changes.EnterAsync())
        {
            _attachment = null;
            if (_stage == NodeStage.Replicating)
                await DetachUnderChangesAsync("ended", "the primary is shutting down");
        }

        await attachment.RemoveChildrenAsync();
        await attachment.CloseAsync();
    }
}
