using Replication.Block;
using Replication.Block.State;
using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

/// <remarks>
/// A session ended: its connection broke, or it was silent for the deadline. From that instant no guest write is acknowledged until it is settled what the loss
/// means. The peer is asked, within what is left of the deadline, whether it has been promoted: if so this primary is fenced (a primary that was frozen through
/// a failover finds out here). Otherwise <c>detached</c> is recorded, so that no crash can make this primary look
/// cleanly cut, and the waiting writes complete with their local results.
/// </remarks>
internal sealed partial class PrimaryRole
{
    // The question that was asked when this session fell silent; an answer is worth something for that silence alone. Guarded by _changes.
    private (MirrorAttachment Attachment, long AskedAt, Task<PeerAnswer> Answer)? _suspicion;

    /// <summary>Called by the session, before it fails its pending forwards, on whichever thread noticed. Must not block.</summary>
    internal void OnSessionLost(MirrorAttachment attachment, MirrorLoss loss)
    {
        _holds.BeginSettling(attachment);
        // One deadline in all: what the guest, or the peer's silence, has used of it before the end is not there
        // for the question. Silence that ends a session has used it up.
        TimeSpan left = loss.Cause == MirrorLossCause.Silent ? TimeSpan.Zero : Options.Mirror.Deadline - attachment.Session.Borne;
        // A peer that was silent has been asked meanwhile, and that answer counts from the silence on.
        long since = (loss.Cause == MirrorLossCause.Silent ? attachment.Session.SilentSince : attachment.Session.FrozenSince) ?? Time.GetTimestamp();
        _context.Run("settle a lost mirror", () => SettleLossAsync(attachment, loss, left, since));
    }

    /// <summary>Half the deadline of silence: ask now, so that the answer can be there when the deadline is.</summary>
    internal void OnSessionSuspicious(MirrorAttachment attachment) => _context.Run("ask a silent peer", async () =>
    {
        using (await _changes.EnterAsync())
        {
            if (_attachment == attachment)
                _suspicion = (attachment, Time.GetTimestamp(), AskAsync(Options.Mirror.Deadline / 2));
        }
    });

    /// <param name="attachment">The session that has ended.</param>
    /// <param name="loss">Why.</param>
    /// <param name="left">What is left of the guest's deadline for the question.</param>
    /// <param name="since">A timestamp: what the peer says of itself is not older, and what it may have become since is not known.</param>
    private async Task SettleLossAsync(MirrorAttachment attachment, MirrorLoss loss, TimeSpan left, long since)
    {
        using (await _changes.EnterAsync())
        {
            if (_ending == attachment)
            {
                // What stop asked for; its end settles it.
                _lossWhileEnding = loss;
                return;
            }
        }

        await attachment.RemoveChildrenAsync();
        PeerAnswer answer = await AskAfterLossAsync(attachment, left);
        using (await _changes.EnterAsync())
        {
            if (_attachment == attachment)
                _attachment = null;
            AbortHold($"the mirror was lost: {loss.Message}");
            await HeedUnderChangesAsync(answer);
            ReportUnderChanges(loss);
            if (_stage == NodeStage.Replicating)
                await DetachUnderChangesAsync(loss.CauseText, loss.Message);
        }

        await AskAgainAfterFreezeAsync(since);
        _holds.EndSettling(attachment);
        await attachment.CloseAsync();
    }

    /// <summary>Failure case 2, unless the session ended because the peer was promoted: that is no failure, whichever of the two news came first.</summary>
    private void ReportUnderChanges(MirrorLoss loss)
    {
        if (loss.Cause is not MirrorLossCause.Ended and not MirrorLossCause.PeerPromoted && _stage != NodeStage.Fenced)
            Journal.Report(new FailureReport(
                FailureCase.Forwarding, loss.Disk, loss.Range.OffsetBytes, loss.Range.LengthBytes, loss.ReportedErrno, State.Record.Epoch, loss.Message));
    }

    private async Task<PeerAnswer> AskAfterLossAsync(MirrorAttachment attachment, TimeSpan left)
    {
        PeerAnswer answered = PeerAnswer.None;
        using (await _changes.EnterAsync())
        {
            // Older answers say nothing: the peer may have been promoted since.
            if (_suspicion is { } asked && asked.Attachment == attachment && Time.GetElapsedTime(asked.AskedAt) < Options.Mirror.Deadline)
                answered = asked.Answer is { IsCompletedSuccessfully: true } answer ? answer.Result : PeerAnswer.None;
            _suspicion = null;
        }

        if (left <= TimeSpan.Zero)
            return answered;
        PeerAnswer now = await AskAsync(left);
        return now == PeerAnswer.None ? answered : now;
    }

    /// <summary>
    /// More time has gone by than the question and the record can have taken, so this process was frozen: neither an answer from before nor the lack of one
    /// says anything about now. The guest pays for one more question, once it is running again.
    /// </summary>
    private async Task AskAgainAfterFreezeAsync(long since)
    {
        TimeSpan relied = Options.Mirror.Deadline + Limits.LossRecordPatience;
        while (_stage is not NodeStage.Fenced and not NodeStage.Standalone && Time.GetElapsedTime(since) > relied)
        {
            since = Time.GetTimestamp();
            PeerAnswer answer = await AskAsync(Options.Mirror.Deadline / 2);
            using (await _changes.EnterAsync())
                await HeedUnderChangesAsync(answer);
        }
    }

    /// <summary>A generation that supersedes ours fences this primary; a promotion that is not decided yet keeps its guest waiting until it is.</summary>
    private async Task HeedUnderChangesAsync(PeerAnswer answer)
    {
        if (answer.Position is { } position)
            await JudgeUnderChangesAsync(position);
        if (answer.IsBeingPromoted && _stage != NodeStage.Fenced)
            HoldForPromotionUnderChanges();
    }

    private async Task<PeerAnswer> AskAsync(TimeSpan limit)
    {
        if (_peer is null)
            return PeerAnswer.None;
        try
        {
            using var expiry = new CancellationTokenSource(limit, Time);
            using CancellationTokenRegistration stopping = _stopping.Token.Register(expiry.Cancel);
            return new PeerAnswer(await _peer.GetPositionAsync(Options.Group, expiry.Token), IsBeingPromoted: false);
        }
        catch (VerbException e) when (e.Failure == VerbFailure.Refused)
        {
            // The one reason for which a node of this group does not say where it stands.
            return new PeerAnswer(null, IsBeingPromoted: true);
        }
        catch (Exception e) when (e is VerbException or OperationCanceledException)
        {
            return PeerAnswer.None;
        }
    }

    /// <summary>False where the peer does not answer a question that costs it nothing; what it answers is not looked at.</summary>
    internal async Task<bool> PeerLivesAsync()
    {
        if (_peer is null)
            return true;
        using var expiry = new CancellationTokenSource(Limits.PositionQuestionDeadline, Time);
        using CancellationTokenRegistration stopping = _stopping.Token.Register(expiry.Cancel);
        try
        {
            await _peer.GetPositionAsync(Options.Group, expiry.Token);
            return true;
        }
        catch (VerbException e)
        {
            return e.Failure != VerbFailure.Unreachable;
        }
        catch (OperationCanceledException)
        {
            return _stopping.IsCancellationRequested;
        }
    }

    // No guest waits for it: what a reboot within this moment takes is that the primary was detached, and what it has acknowledged since.
    private async Task FlushRecordAsync()
    {
        try
        {
            await State.FlushRecordAsync();
        }
        catch (BlockException e)
        {
            _context.Log.Warn($"that the mirror was lost may not survive a reboot: {e.Message}");
        }
    }

    private async Task DetachUnderChangesAsync(string cause, string message)
    {
        try
        {
            await State.RecordAsync(record => record with { Stage = NodeStage.Detached });
            _context.Run("flush the record of a lost mirror", FlushRecordAsync);
            Transition(NodeStage.Detached);
            Journal.Publish(EventTypes.MirrorDetached, ("cause", cause), ("message", message));
        }
        catch (IOException e)
        {
            // Without the record a restart would take us for cleanly cut: nothing unmirrored may be acknowledged.
            _holds.Add(HoldReason.RecordFailed);
            _context.Log.RecordFailed(e.Message);
        }
    }
}
