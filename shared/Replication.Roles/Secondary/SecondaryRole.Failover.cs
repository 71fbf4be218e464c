using Replication.Block;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Jobs;

namespace Replication.Roles.Secondary;

/// <remarks>
/// Promotion: ask the primary to hold, record the new generation, end the mirror's session, tell the primary, commit. The record is the moment of truth: before
/// it everything can be taken back, after it the node is the truth and a crash resumes.
/// </remarks>
internal sealed partial class SecondaryRole
{
    private long _commitBegan; // timestamps; 0 before. Written by the commit, read by status.
    private long _commitEnded;
    private volatile CommitWork? _commit; // the last one of this run; written by who begins it, read by status
    private bool _primaryFenced; // guarded by _verbs
    private volatile bool _promoting; // written under _verbs

    private TimeSpan CommitElapsed
    {
        get
        {
            long began = Volatile.Read(ref _commitBegan);
            long ended = Volatile.Read(ref _commitEnded);
            return began == 0 ? TimeSpan.Zero : Time.GetElapsedTime(began, ended == 0 ? Time.GetTimestamp() : ended);
        }
    }

    public async Task<FailoverResult> FailoverAsync(bool force, TimeSpan? patience, CancellationToken cancellationToken)
    {
        long began = Time.GetTimestamp();
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        Check(Verb.Failover);
        if (Stage is NodeStage.Failover or NodeStage.Done)
            return new FailoverResult(State.Generation, TimeSpan.Zero, _primaryFenced, Lost: null);
        if (Stage == NodeStage.FailoverFailed)
        {
            await _group.UpdateRecordAsync(record => record! with { Stage = NodeStage.Failover });
            RunCommit();
            return new FailoverResult(State.Generation, Time.GetElapsedTime(began), _primaryFenced, Lost: null);
        }

        // Configured, or as the primary told when it attached.
        string address = Options.Peer.Control ?? State.PeerAddress;
        IReplicationPeer? primary = address.Length > 0 ? _context.ConnectPeer(address) : null;
        TimeSpan askFor = patience < Limits.HoldQuestionDeadline ? patience.Value : Limits.HoldQuestionDeadline;
        long askedAt = Time.GetTimestamp();
        _promoting = true;
        PeerPosition? held = null;
        string? lost;
        Generation next = State.Generation.Next(_context.NewId(), Record.Epoch);
        try
        {
            (held, lost) = await HoldPrimaryAsync(primary, askFor, force, cancellationToken);
            Journal.Publish(EventTypes.FailoverStarted, ("epoch", Record.Epoch), ("force", force));
            await PromoteAsync(next, () => CheckLease(held, askedAt));
        }
        catch
        {
            await ReleasePrimaryAsync(primary, askFor, held, fencedBy: null);
            throw;
        }
        finally
        {
            _promoting = false;
        }

        TimeSpan serving = Time.GetElapsedTime(began);
        await EndSessionAsync("promoted", "the secondary has been promoted");
        _primaryFenced = await ReleasePrimaryAsync(primary, askFor, held, next);
        RunCommit();
        return new FailoverResult(next, serving, _primaryFenced, lost);
    }

    private async Task<(PeerPosition? Held, string? Lost)> HoldPrimaryAsync(
        IReplicationPeer? primary, TimeSpan askFor, bool force, CancellationToken cancellationToken)
    {
        if (primary is null)
            return (null, null);
        PeerPosition position;
        try
        {
            using var limit = new CancellationTokenSource(askFor, Time);
            using CancellationTokenRegistration caller = cancellationToken.Register(limit.Cancel);
            position = await primary.HoldAsync(Options.Group, State.Generation, Limits.PromotionLease, limit.Token);
        }
        catch (Exception e) when (e is VerbException or OperationCanceledException)
        {
            if (!cancellationToken.IsCancellationRequested)
            {
                _context.Log.PrimaryNotHeld(ReasonOf(e, askFor));
                return (null, null);
            }

            // The question may have arrived: nobody holds its guest for a promotion that is called off.
            await ReleaseAsync(primary, askFor, fencedBy: null);
            throw new VerbException(VerbFailure.Failed, "failover was cancelled, the secondary is still running", e);
        }

        if (LossOf(position) is not { } lost)
            return (position, null);
        if (force)
            return (position, lost);
        await ReleasePrimaryAsync(primary, askFor, position, fencedBy: null);
        throw new VerbException(VerbFailure.Refused, $"failover is refused: {lost}; use --force to give it up");
    }

    /// <summary>What a promotion would lose of what the living primary has acknowledged; null: nothing.</summary>
    private string? LossOf(PeerPosition primary)
    {
        HistoryRelation relation = History.Compare(State.History, primary.History);
        if (relation is HistoryRelation.TheirsNewer or HistoryRelation.Diverged)
            return $"the primary has begun generation {primary.Generation} of its own; its writes since epoch {primary.Generation.BeganAtEpoch} would be lost";
        if (primary.Stage is NodeStage.Detached or NodeStage.Resyncing or NodeStage.Syncing or NodeStage.Standalone)
            return $"the primary is {StageTable.NameOf(primary.Stage)}: it has acknowledged writes since epoch {Record.Epoch} that this secondary lacks";
        return primary.PairId != Record.PairId
            ? $"the primary has gone on with another secondary since epoch {Record.Epoch}, and has acknowledged writes that this one lacks"
            : null;
    }

    /// <summary>A primary whose hold may have run out may serve again: nothing is promoted on an answer that old.</summary>
    private void CheckLease(PeerPosition? held, long askedAt)
    {
        if (held is not null && Time.GetElapsedTime(askedAt) > Limits.PromotionLease - Limits.PromotionMargin)
        {
            throw new VerbException(VerbFailure.Failed, "failover failed, the secondary is still running: it took longer than the "
                + $"{(Limits.PromotionLease - Limits.PromotionMargin).TotalSeconds:0} s for which the primary holds its guest");
        }
    }

    private async Task PromoteAsync(Generation next, Action checkLease)
    {
        SecondarySession? session = _session;
        State.NameGeneration(next);
        SwitchResult? result = null;
        try
        {
            result = await _group.PromoteAsync(
                record =>
                {
                    checkLease();
                    return record with { GenerationNumber = next.Number, GenerationId = next.Id, Flags = record.Flags & ~EpochFlags.Incomplete };
                },
                Limits.PromotionDrain,
                () => session?.State.Revoke());
            if (!result.Switched)
                throw new VerbException(VerbFailure.Failed, $"failover failed, the secondary is still running: {result.Reason}", result.Error);
        }
        finally
        {
            if (result is not { Switched: true })
            {
                State.DropUnreached();
                if (result is { Outcome: SwitchOutcome.Failed })
                    ReportFailedPromotion(result);
                Journal.Publish(
                    EventTypes.FailoverFailed,
                    ("cause", $"the promotion is not on record, the secondary is still running{(result is null ? "" : $": {result.Reason}")}"));
            }
        }
    }

    /// <summary>True when the primary has confirmed that it is fenced.</summary>
    private async Task<bool> ReleasePrimaryAsync(IReplicationPeer? primary, TimeSpan askFor, PeerPosition? held, Generation? fencedBy) =>
        primary is not null && held is not null && await ReleaseAsync(primary, askFor, fencedBy);

    private async Task<bool> ReleaseAsync(IReplicationPeer primary, TimeSpan askFor, Generation? fencedBy)
    {
        try
        {
            using var limit = new CancellationTokenSource(askFor, Time);
            await primary.ReleaseAsync(fencedBy, limit.Token);
            return fencedBy is not null;
        }
        catch (Exception e) when (e is VerbException or OperationCanceledException)
        {
            _context.Log.PrimaryNotReleased(ReasonOf(e, askFor));
            return false;
        }
    }

    private static string ReasonOf(Exception e, TimeSpan askedFor) =>
        e is OperationCanceledException ? $"it did not answer within {askedFor.TotalMilliseconds:0} ms" : e.Message;

    private void RunCommit()
    {
        Volatile.Write(ref _commitEnded, 0);
        Volatile.Write(ref _commitBegan, Time.GetTimestamp());
        LogStage();
        CommitWork work = _commit = new CommitWork(_group);
        _context.Run("active commit", () => CommitAsync(work));
    }

    /// <summary>A job of this node's own, which completes itself.</summary>
    private async Task CommitAsync(CommitWork work)
    {
        try
        {
            await _jobs.RunOwnAsync(new JobOptions { Id = null, Type = JobType.Commit, AutoComplete = true }, work, CancellationToken.None);
        }
        catch (Exception e) when (work.Result is not null && e is BlockException or OperationCanceledException)
        {
            // Its result says more.
        }

        CommitResult result = work.Result!;
        Volatile.Write(ref _commitEnded, Time.GetTimestamp());
        LogStage();
        if (result.Outcome == CommitOutcome.Done)
        {
            Journal.Publish(
                EventTypes.FailoverCompleted, ("node", "secondary"), ("generation", State.Generation.Number), ("committedBytes", result.CommittedBytes));
        }
        else if (result.Outcome == CommitOutcome.Failed)
            ReportFailedCommit(result);
    }

    private void ReportFailedPromotion(SwitchResult result)
    {
        var error = result.Error as BlockException;
        Journal.Report(new FailureReport(
            FailureCase.Commit, DiskOf(error), error?.Range.OffsetBytes ?? 0, error?.Range.LengthBytes ?? 0, error?.Errno ?? Errno.EIO, Record.Epoch,
            result.Reason));
    }

    private void ReportFailedCommit(CommitResult result)
    {
        BlockException? error = result.Error;
        string message = error?.Message ?? "the commit failed";
        Journal.Report(new FailureReport(
            FailureCase.Commit, result.Disk ?? "", error?.Range.OffsetBytes ?? 0, error?.Range.LengthBytes ?? 0, error?.Errno ?? Errno.EIO, Record.Epoch,
            message));
        Journal.Publish(EventTypes.FailoverFailed, ("cause", message));
    }
}
