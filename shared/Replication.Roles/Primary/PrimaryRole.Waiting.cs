using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <remarks>
/// Restarted with a peer on record: the peer may have been promoted meanwhile. Guest requests are held until the peer has confirmed our generation or the
/// operator has decided (<c>failover --node primary</c>); after <c>Peer.WaitAtStart</c> they fail. The peer is asked on and on.
/// </remarks>
internal sealed partial class PrimaryRole
{
    public void RefuseHeldRequests()
    {
        if (_stage == NodeStage.Waiting)
            _holds.Add(HoldReason.WaitedTooLong);
    }

    private void BeginWaiting()
    {
        _holds.Add(HoldReason.Unconfirmed);
        _context.Run("wait for the peer", WaitForPeerAsync);
    }

    private async Task WaitForPeerAsync()
    {
        long began = Time.GetTimestamp();
        try
        {
            while (_stage == NodeStage.Waiting)
            {
                long askedAt = Time.GetTimestamp();
                if ((await AskAsync(Limits.PositionQuestionDeadline)).Position is { } position && await TrySettleWaitingAsync(position, askedAt))
                    return;
                if (Time.GetElapsedTime(began) >= Options.Peer.WaitAtStart && _stage == NodeStage.Waiting)
                    _holds.Add(HoldReason.WaitedTooLong);
                await Task.Delay(Limits.PositionQuestionInterval, Time, _stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The node is shutting down.
        }
    }

    private async Task<bool> TrySettleWaitingAsync(PeerPosition position, long askedAt)
    {
        try
        {
            return await SettleWaitingAsync(position, askedAt);
        }
        catch (Exception e) when (e is IOException or VerbException)
        {
            // Confirmed, but not on record, or too long ago: the question is asked again.
            _context.Log.Warn($"the primary goes on waiting: {e.Message}");
            return false;
        }
    }

    /// <summary>True when the wait is over.</summary>
    /// <exception cref="VerbException">The answer is too old to be relied on.</exception>
    private async Task<bool> SettleWaitingAsync(PeerPosition position, long askedAt)
    {
        using (await _changes.EnterAsync())
        {
            if (_stage != NodeStage.Waiting)
                return true;
            HistoryRelation relation = await JudgeUnderChangesAsync(position);
            // A peer without a history, or with another one, confirms nothing. Neither does a secondary that this
            // primary was with before: the last one may have been promoted.
            if (relation is HistoryRelation.Diverged or HistoryRelation.Unknown
                || (relation == HistoryRelation.Same && position.IsOfOtherPairThan(State.Record.PairId)))
                return false;
            if (relation != HistoryRelation.TheirsNewer)
                await ConfirmAsync(position, relation, askedAt);
            EndWaiting();
            return true;
        }
    }

    private async Task ConfirmAsync(PeerPosition position, HistoryRelation relation, long askedAt)
    {
        // Before the record, which is not to say for nothing that something was acknowledged alone, and after it, where nothing is left to wait for.
        CheckAge(askedAt);
        EpochRecord record = State.Record;
        NodeStage stage = record.Stage == NodeStage.Stopped ? NodeStage.Stopped : NodeStage.Detached;
        ulong epoch = relation == HistoryRelation.Same ? Math.Max(record.Epoch, position.Epoch) : record.Epoch;
        await State.RecordAsync(current => current with { Stage = stage, Epoch = epoch });
        CheckAge(askedAt);
        Transition(stage);
    }

    /// <summary>A process that was frozen since it asked has an answer that was true then: the peer may have been promoted meanwhile.</summary>
    private void CheckAge(long askedAt)
    {
        if (Time.GetElapsedTime(askedAt) <= Limits.ConfirmationAge)
            return;
        throw new VerbException(
            VerbFailure.Failed,
            $"the secondary's answer is older than {Limits.ConfirmationAge.TotalSeconds:0} s: it may have been promoted since, and has to be asked again");
    }

    private void EndWaiting()
    {
        _holds.Remove(HoldReason.Unconfirmed | HoldReason.WaitedTooLong);
    }
}
