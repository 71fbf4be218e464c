using Replication.Block.State;

namespace Replication.Roles.Primary;

internal sealed partial class PrimaryRole
{
    /// <summary>Attach, sync, first checkpoint; the guest runs all the while. Undone as a whole when a step fails.</summary>
    public async Task<StartResult> StartAsync(SyncMode sync, bool abandonView, bool discardSecondary, CancellationToken cancellationToken)
    {
        CheckStart(sync, abandonView, discardSecondary);
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        CheckStart(sync, abandonView, discardSecondary);
        using Interruption interruption = Interruptible(cancellationToken);
        if (_stage == NodeStage.Replicating)
            return await StartAfterComingBackAsync(interruption.Token);
        IReplicationPeer peer = RequirePeer();
        RequireTransport();
        long began = Time.GetTimestamp();
        if (discardSecondary)
            await DiscardSecondaryAsync(peer, interruption.Token);
        await ConfirmGenerationAsync(peer, Verb.Start, interruption.Token);
        return await RepeatWithoutViewAsync(abandonView, givesUpView => StartOnceAsync(peer, sync, abandonView, givesUpView, began, interruption.Token));
    }

    private async Task<StartResult> StartOnceAsync(
        IReplicationPeer peer, SyncMode sync, bool abandonView, bool givesUpView, long began, CancellationToken cancellationToken)
    {
        var undo = new UndoStack();
        var attach = new AttachOrder(Verb.Start, NodeStage.Syncing, sync, abandonView, givesUpView);
        MirrorAttachment? attachment = null;
        try
        {
            (attachment, _) = await AttachAsync(peer, attach, undo, cancellationToken);
            long syncedBytes = await SyncAsync(attachment, peer, sync, cancellationToken);
            ulong epoch = await FirstCheckpointAsync(attachment, peer, cancellationToken);
            undo.Commit();
            Journal.Publish(EventTypes.Started, ("epoch", epoch), ("syncedBytes", syncedBytes));
            return new StartResult(State.Generation, epoch, syncedBytes, Time.GetElapsedTime(began));
        }
        catch (Exception e) when (e is VerbException or IOException or OperationCanceledException)
        {
            await undo.RunAsync(_context.Log.UndoFailed);
            throw AsSyncFailure(Verb.Start, e, attachment);
        }
        finally
        {
            _sync = null;
        }
    }

    /// <summary>Never go on on a guess: a peer that has been promoted fences us here.</summary>
    private async Task<PeerPosition> ConfirmGenerationAsync(IReplicationPeer peer, Verb verb, CancellationToken cancellationToken)
    {
        long askedAt = Time.GetTimestamp();
        PeerPosition position = await AskPositionAsync(peer, verb, cancellationToken);
        await JudgeAsync(position);
        if (_stage == NodeStage.Waiting && !await SettleWaitingAsync(position, askedAt))
        {
            throw new VerbException(VerbFailure.Refused, $"{StageTable.NameOf(verb)} is refused: the primary is waiting, and this secondary cannot confirm its "
                + "generation: it does not know it, or is not the one that the primary was last with; if the old peer is gone, run failover --node primary");
        }

        Check(verb);
        return position;
    }

    private async Task<PeerPosition> AskPositionAsync(IReplicationPeer peer, Verb verb, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            return await peer.GetPositionAsync(Options.Group, cancellationToken);
        }
        catch (OperationCanceledException e)
        {
            // Interrupted by a failover of this primary, or by its end.
            throw AsVerbFailure(StageTable.NameOf(verb), e);
        }
    }

    /// <summary>
    /// Opens a session and joins its links to the quorums: every guest write from the return on is forwarded. Also returns the secondary's stage.
    /// </summary>
    private async Task<(MirrorAttachment Attachment, NodeStage Secondary)> AttachAsync(
        IReplicationPeer peer, AttachOrder order, UndoStack undo, CancellationToken cancellationToken)
    {
        NodeStage before = _stage;
        _marks.NoteAttach();
        PeerPosition position = await peer.GetPositionAsync(Options.Group, cancellationToken);
        bool describePeer = _marks.Describe(position);
        bool byMarks = describePeer && order.Sync == SyncMode.Auto;
        Guid pairId = position.IsOfPair(State.Record.PairId) ? position.PairId : _context.NewId();
        AttachReply reply = await OpenSessionAsync(peer, order, pairId, byMarks, undo, cancellationToken);
        // What was judged must be what is attached: another node at this address, or this one after a reboot, is judged anew.
        if (reply.FoundPairId != position.PairId)
            throw new VerbException(VerbFailure.Failed, "the secondary has become another one between two questions; try again");
        await AdoptEpochAsync(reply.Epoch);

        MirrorAttachment attachment = await MirrorAttachment.ConnectAsync(this, _context, _transport!, reply.Session, pairId, _disks, cancellationToken);
        attachment.PeerFlushesForCheckpoints = reply.FlushesForCheckpoints;
        undo.Add(() => LeaveAsync(attachment, before));
        using (await _changes.EnterAsync())
        {
            Check(order.Verb);
            Transition(order.Stage);
            _attachment = attachment;
        }

        await _marks.BeginAsync(describePeer);
        // Under the closed gate no guest write can be forwarded on one disk and not on another.
        await CloseGateAsync(Options.Mirror.Deadline, "attaching the mirror");
        try
        {
            // Marks that are still trusted where the sync is cut short must not be cleared before it has passed
            // them: a smaller write than a block leaves the rest of it different.
            await attachment.AddChildrenAsync(byMarks, copyMarked: describePeer && order.Sync != SyncMode.None);
        }
        finally
        {
            _gate.Open();
        }

        attachment.ThrowIfLost();
        return (attachment, reply.Stage);
    }

    /// <summary>
    /// The commit that makes it a pair. The record says <c>detached</c> with a peer before the secondary may switch, so a crash anywhere leaves a primary that
    /// asks before it serves, and that takes no other secondary for this one. The guest is held for one deadline at most; a
    /// commit without an answer by then is asked after, and tried again if it did not happen.
    /// </summary>
    private async Task<ulong> FirstCheckpointAsync(MirrorAttachment attachment, IReplicationPeer peer, CancellationToken cancellationToken)
    {
        EpochRecord before = State.Record;
        await RecordWhileSyncingAsync(
            record => record with { Stage = NodeStage.Detached, Flags = record.Flags | EpochFlags.HadPeer, PairId = attachment.PairId });
        bool mayHaveSwitched = false;
        try
        {
            // Neither the stage nor another pair's id is flushed as such, and the secondary may be promoted as soon as it has switched.
            await State.FlushRecordAsync();
            for (int attempt = 0; attempt < Limits.FirstCommitAttempts; attempt++)
            {
                BegunCheckpoint begun = await HoldAndDrainAsync(attachment, State.Record.Epoch + 1, Options.Mirror.Deadline, lease: false, cancellationToken);
                bool inDoubt = mayHaveSwitched;
                mayHaveSwitched = true;
                bool committed = false;
                VerbException? refusal = null;
                try
                {
                    committed = await CommitWithinAsync(peer, begun, cancellationToken);
                }
                catch (VerbException e) when (e.Failure != VerbFailure.Unreachable)
                {
                    // This attempt did not happen. An earlier one may have, while this one was on its way: then
                    // its cut is as good, and what this one was refused for.
                    mayHaveSwitched = inDoubt;
                    refusal = e;
                }
                finally
                {
                    _gate.Open();
                }

                if (refusal is not null && !inDoubt)
                    throw refusal;
                if (committed || (await peer.GetPositionAsync(Options.Group, cancellationToken)).Epoch >= begun.Epoch)
                {
                    await BeginReplicatingAsync(attachment, begun.Epoch);
                    return begun.Epoch;
                }

                if (refusal is not null)
                    throw refusal;
            }
        }
        catch (Exception e) when (!mayHaveSwitched && e is (VerbException or IOException or OperationCanceledException))
        {
            // The secondary has no view of ours, and this primary no peer that may be promoted.
            await RecordWhileSyncingAsync(record => record with { Stage = before.Stage, Flags = before.Flags, PairId = before.PairId });
            throw;
        }

        throw new VerbException(
            VerbFailure.Unreachable,
            $"the secondary did not commit the first checkpoint within {Options.Mirror.Deadline.TotalMilliseconds:0} ms, {Limits.FirstCommitAttempts} times");
    }

    /// <summary>A record of a start; one that has been overtaken by a promotion of the peer leaves what that has recorded.</summary>
    private async Task RecordWhileSyncingAsync(Func<EpochRecord, EpochRecord> change)
    {
        using (await _changes.EnterAsync())
        {
            CheckStillSyncing();
            await State.RecordAsync(change);
        }
    }

    private void CheckStillSyncing()
    {
        if (_stage is not NodeStage.Syncing and not NodeStage.Resyncing)
            throw new VerbException(VerbFailure.Refused, $"the sync is given up: the primary has become {StageTable.NameOf(_stage)} meanwhile");
    }

    private async Task BeginReplicatingAsync(MirrorAttachment attachment, ulong epoch)
    {
        using (await _changes.EnterAsync())
        {
            CheckStillSyncing();
            attachment.ThrowIfLost();
            // Not before the commit: until then the secondary has not on record that it is ours.
            await State.RecordAsync(record => record with { Stage = NodeStage.Replicating, Epoch = epoch, Flags = _marks.Trust(record.Flags) });
            Transition(NodeStage.Replicating);
            Journal.Publish(EventTypes.MirrorAttached, ("transport", _transport!.Name));
            Journal.Publish(EventTypes.Checkpoint, ("epoch", epoch));
        }
    }

    /// <summary>False where there was no answer within the mirror deadline.</summary>
    private async Task<bool> CommitWithinAsync(IReplicationPeer peer, BegunCheckpoint begun, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Options.Mirror.Deadline, Time);
        using CancellationTokenRegistration caller = cancellationToken.Register(limit.Cancel);
        try
        {
            await peer.CommitCheckpointAsync(begun.ToCommit(), limit.Token);
            return true;
        }
        catch (Exception e) when (limit.IsCancellationRequested
            && !cancellationToken.IsCancellationRequested
            && e is (OperationCanceledException or VerbException { Failure: VerbFailure.Unreachable }))
        {
            return false;
        }
    }

    /// <summary>Takes an attach back: the children leave, the session ends, and the stage is what the record says.</summary>
    private async Task LeaveAsync(MirrorAttachment attachment, NodeStage before)
    {
        await attachment.RemoveChildrenAsync();
        await attachment.CloseAsync();
        using (await _changes.EnterAsync())
        {
            if (_attachment == attachment)
                _attachment = null;
            if (_stage is NodeStage.Syncing or NodeStage.Resyncing)
                Transition(State.Record is { Stage: NodeStage.Detached } ? NodeStage.Detached : before);
        }

        await _marks.EndUntrustedAsync();
    }

    private static VerbException AsVerbFailure(string verb, Exception e) => e switch
    {
        VerbException failure => failure,
        OperationCanceledException => new VerbException(VerbFailure.Failed, $"{verb} was cancelled and undone", e),
        _ => new VerbException(VerbFailure.Failed, $"{verb} failed and was undone: {e.Message}", e),
    };
}
