using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <remarks>
/// One loop for as long as this primary is detached. It asks its peer's position on and on: a detached primary has no session whose end would tell it of a
/// promotion, so this is how it is fenced soon after it can hear of one (invariant Fence). Where the policy is <c>auto</c> it also brings the pair back: an
/// attempt that fails is followed by the next after a back-off; one that somebody has to do something about is told
/// once, and is not repeated before the peer has changed. Attempts give way to verbs.
/// </remarks>
internal sealed partial class PrimaryRole
{
    private readonly ReconnectPace _pace; // the loop's own
    private bool _following; // guarded by _changes: the loop runs

    /// <summary>Called under <see cref="_changes"/> when the stage becomes detached; a loop that has not noticed yet goes on.</summary>
    private void FollowPeer()
    {
        if (_following)
            return;
        _following = true;
        _context.Run("follow the peer of a detached primary", FollowPeerAsync);
    }

    private async Task FollowPeerAsync()
    {
        _pace.Begin();
        try
        {
            while (await IsStillWantedAsync())
            {
                await Task.Delay(Limits.PositionQuestionInterval, Time, _stopping.Token);
                // A verb that brings the pair back asks for itself.
                if (_stage != NodeStage.Detached)
                    continue;
                PeerPosition? position = (await AskAsync(Limits.PositionQuestionDeadline)).Position;
                if (position is null)
                    _pace.PeerIsGone();
                else if (!await FenceDetachedAsync(position) && Options.Mirror.Resync == ResyncPolicy.Auto && _transport is not null && _pace.IsDue(position))
                    await TryComeBackAsync(position);
            }
        }
        catch (OperationCanceledException)
        {
            // The node is shutting down.
        }
    }

    private async Task<bool> IsStillWantedAsync()
    {
        using (await _changes.EnterAsync())
            return _following = _stage is NodeStage.Detached or NodeStage.Syncing or NodeStage.Resyncing;
    }

    private async Task<bool> FenceDetachedAsync(PeerPosition position)
    {
        using (await _changes.EnterAsync())
        {
            if (_stage == NodeStage.Detached && History.Compare(State.History, position.History) == HistoryRelation.TheirsNewer)
                await FenceUnderChangesAsync(position.Generation);
            return _stage != NodeStage.Detached;
        }
    }

    private async Task TryComeBackAsync(PeerPosition position)
    {
        using AsyncMutex.Holder? verb = _verbs.TryEnter();
        if (verb is null || _stage != NodeStage.Detached)
            return;
        try
        {
            await ResyncUnderVerbsAsync(abandonView: false, CancellationToken.None);
            _cameBackByItself = true;
            _pace.Tried();
        }
        catch (VerbException e) when (e.NeedsOperator)
        {
            _pace.Block(position);
            Journal.Publish(EventTypes.Error, ("verb", "resync"), ("message", e.Message));
            _context.Log.Warn($"the pair does not come back by itself: {e.Message}");
        }
        catch (VerbException e)
        {
            _pace.Tried();
            _context.Log.Warn($"the pair has not come back, and the next attempt follows: {e.Message}");
        }
    }

    private void CheckStart(SyncMode sync, bool abandonView, bool discardSecondary)
    {
        // The way back from a promotion that has been lost; where there is another way, it is refused below.
        if (_stage == NodeStage.Fenced && discardSecondary)
            return;
        // Whoever restarts a node and then runs start gets what start is for, also where the pair was faster.
        if (_stage == NodeStage.Replicating && _cameBackByItself && sync == SyncMode.Auto && !abandonView)
            return;
        Check(Verb.Start);
    }

    /// <summary>The pair has come back by itself just before: what is left of start is its checkpoint.</summary>
    private async Task<StartResult> StartAfterComingBackAsync(CancellationToken cancellationToken)
    {
        long began = Time.GetTimestamp();
        BegunCheckpoint begun;
        try
        {
            begun = await BeginCheckpointUnderVerbsAsync(0, null, cancellationToken);
        }
        catch (OperationCanceledException e)
        {
            throw AsVerbFailure("start", e);
        }

        var outcome = CheckpointOutcome.Unknown;
        VerbException? failure = null;
        try
        {
            await RequirePeer().CommitCheckpointAsync(begun.ToCommit(), cancellationToken);
            outcome = CheckpointOutcome.Committed;
        }
        catch (VerbException e)
        {
            failure = e;
            if (e.Failure != VerbFailure.Unreachable)
                outcome = CheckpointOutcome.Aborted;
        }
        catch (OperationCanceledException e)
        {
            failure = AsVerbFailure("start", e);
        }

        ulong epoch;
        try
        {
            (epoch, _) = await EndCheckpointAsync(begun.Epoch, outcome, cancellationToken);
        }
        catch (OperationCanceledException e)
        {
            // The lease has run out, and whoever cancels does not wait to hear which epoch is in force: the next checkpoint asks.
            throw failure ?? AsVerbFailure("start", e);
        }

        if (epoch < begun.Epoch)
            throw failure!;
        Journal.Publish(EventTypes.Started, ("epoch", epoch), ("syncedBytes", _lastResync!.SyncedBytes));
        return new StartResult(State.Generation, epoch, _lastResync.SyncedBytes, Time.GetElapsedTime(began));
    }
}
