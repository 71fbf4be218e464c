using Replication.Block;
using Replication.Block.State;
using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

/// <remarks>
/// Who may go on: the promoting secondary's hold, and what a primary does with what it learns about the other's generation (invariant Fence).
/// </remarks>
internal sealed partial class PrimaryRole
{
    private const string Unanswered = "a promotion was asked for and never answered";

    private ITimer? _promotionLease; // guarded by _changes
    private Guid _rival; // guarded by _changes: the generation that was last told of as a split brain

    /// <summary>Stops acknowledging, then answers: what it says is still true when the answer arrives.</summary>
    public async Task<PeerPosition> HoldAsync(string group, Generation generation, TimeSpan lease)
    {
        CheckGroup(group);
        Check(Verb.Hold);
        _holds.Add(HoldReason.PromotionAsked);
        using (await _changes.EnterAsync())
        {
            PeerPosition position = Position();
            if (position.Generation.Id != generation.Id)
            {
                if (_promotionLease is null)
                    _holds.Remove(HoldReason.PromotionAsked);
                return position;
            }

            _promotionLease?.Dispose();
            _promotionLease = Time.CreateTimer(_ => OnPromotionLeaseRunOut(), null, lease, Timeout.InfiniteTimeSpan);
            return position;
        }
    }

    /// <summary>
    /// The peer is being promoted, and its question whether it may has not reached us: as if it had, and nobody comes to release us. So the peer is asked until
    /// it knows; where it does not come to that, or is not heard of any more, the lease runs out as that of a promotion that was asked for.
    /// </summary>
    private void HoldForPromotionUnderChanges()
    {
        if (_promotionLease is not null)
            return;
        _holds.Add(HoldReason.PromotionAsked);
        ITimer lease = Time.CreateTimer(_ => OnPromotionLeaseRunOut(), null, Limits.PromotionLease, Timeout.InfiniteTimeSpan);
        _promotionLease = lease;
        _context.Run("follow a promotion", () => FollowPromotionAsync(lease));
    }

    private async Task FollowPromotionAsync(ITimer lease)
    {
        try
        {
            while (true)
            {
                long askedAt = Time.GetTimestamp();
                PeerAnswer answer = await AskAsync(Options.Mirror.Deadline);
                if (await IsPromotionDecidedAsync(lease, answer.Position, askedAt))
                    return;
                await Task.Delay(Limits.PositionQuestionInterval, Time, _stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The node is shutting down.
        }
    }

    /// <summary>True where nothing is left to be asked: by this answer, or because the hold is another one's by now, which was asked for.</summary>
    private async Task<bool> IsPromotionDecidedAsync(ITimer lease, PeerPosition? position, long askedAt)
    {
        using (await _changes.EnterAsync())
        {
            if (_promotionLease != lease)
                return true;
            if (position is null)
                return false;
            await JudgeUnderChangesAsync(position);
            // Frozen since it asked, this process has an answer from before: the next promotion may have come since.
            if (_stage != NodeStage.Fenced && Time.GetElapsedTime(askedAt) > Options.Mirror.Deadline + Limits.LossRecordPatience)
                return false;
            lease.Dispose();
            _promotionLease = null;
        }

        _holds.Remove(HoldReason.PromotionAsked);
        return true;
    }

    public async Task ReleaseAsync(Generation? fencedBy)
    {
        MirrorAttachment? attachment;
        using (await _changes.EnterAsync())
        {
            _promotionLease?.Dispose();
            _promotionLease = null;
            attachment = _attachment;
            if (fencedBy is { } newer && newer.Id != State.Generation.Id)
                await FenceUnderChangesAsync(newer);
        }

        _holds.Remove(HoldReason.PromotionAsked);
        if (fencedBy is not null)
            attachment?.Session.Lose(new MirrorLoss(MirrorLossCause.PeerPromoted, "the peer has been promoted"));
    }

    public Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken)
    {
        CheckGroup(group);
        return Task.FromResult(Position());
    }

    /// <summary>The promoting peer has not come back to us: it may have been promoted. Serve nothing on a guess.</summary>
    private void OnPromotionLeaseRunOut() => _context.Run("promotion lease", async () =>
    {
        MirrorAttachment? attachment;
        using (await _changes.EnterAsync())
        {
            if (_promotionLease is null)
                return;
            _promotionLease.Dispose();
            _promotionLease = null;
            attachment = _attachment;
            AbortHold(Unanswered);
            if (_stage == NodeStage.Replicating)
                await DetachUnderChangesAsync("promotion-unanswered", Unanswered);
            if (_stage is not NodeStage.Fenced and not NodeStage.Waiting)
            {
                Transition(NodeStage.Waiting);
                BeginWaiting();
            }
        }

        _holds.Remove(HoldReason.PromotionAsked);
        attachment?.Session.Lose(new MirrorLoss(MirrorLossCause.PeerPromoted, Unanswered));
    });

    /// <summary>Fences this primary where the peer's generation supersedes ours; refuses where both have gone on.</summary>
    private async Task JudgeAsync(PeerPosition position)
    {
        HistoryRelation relation;
        using (await _changes.EnterAsync())
            relation = await JudgeUnderChangesAsync(position);
        if (relation == HistoryRelation.Diverged)
        {
            Generation theirs = position.Generation;
            throw new VerbException(
                VerbFailure.Refused,
                $"split brain: primary is at generation {State.Generation} epoch {State.Record.Epoch}, secondary at generation {theirs} epoch "
                + $"{position.Epoch}; neither continues the other")
            {
                NeedsOperator = true,
            };
        }
    }

    private async Task<HistoryRelation> JudgeUnderChangesAsync(PeerPosition position)
    {
        HistoryRelation relation = History.Compare(State.History, position.History);
        if (relation == HistoryRelation.TheirsNewer)
            await FenceUnderChangesAsync(position.Generation);
        else if (relation == HistoryRelation.Diverged && _rival != position.Generation.Id)
        {
            // A primary that waits or is alone asks on and on: one rival is one event.
            _rival = position.Generation.Id;
            _context.Log.Warn($"split brain: this primary is at generation {State.Generation}, its peer at {position.Generation}, and neither continues the "
                + "other; decide whose changes count");
            Journal.Publish(EventTypes.SplitBrain, ("ours", State.Generation.ToString()), ("theirs", position.Generation.ToString()));
        }

        return relation;
    }

    private async Task FenceUnderChangesAsync(Generation newer)
    {
        if (_stage == NodeStage.Fenced)
            return;
        _holds.Add(HoldReason.Fenced);
        try
        {
            await State.RecordAsync(record => record with { Stage = NodeStage.Fenced });
        }
        catch (BlockException e)
        {
            // A restart asks the peer before it serves, and is fenced again.
            _context.Log.RecordFailed(e.Message);
        }

        Transition(NodeStage.Fenced);
        // One that was still waiting for its confirmation waits no longer: reads go on, and writes fail.
        EndWaiting();
        Journal.Publish(EventTypes.Fenced, ("generation", newer.Number), ("generationId", newer.Id.ToString("N")));
    }

    // Who waits after a restart says what it was before: a detached primary has acknowledged what its peer lacks.
    private PeerPosition Position()
    {
        NodeStage stage = _stage;
        EpochRecord record = State.Record;
        return new PeerPosition(
            NodeRole.Primary, stage == NodeStage.Waiting && record.Stage == NodeStage.Detached ? NodeStage.Detached : stage, State.History, record.Epoch)
        {
            PairId = record.PairId,
            Incarnation = _context.Incarnation,
        };
    }

    private void CheckGroup(string group)
    {
        if (group != Options.Group)
            throw new VerbException(VerbFailure.Invalid, $"this node serves group '{Options.Group}', not '{group}'");
    }
}
