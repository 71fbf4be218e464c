using Replication.Block;
using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <remarks>
/// A detached pair comes back: attach, copy what the secondary lacks, complete. The secondary stays <c>running</c> and shows its last checkpoint all the while,
/// so there is no checkpoint here and no new epoch; the record says <c>detached</c> until the secondary lacks
/// nothing. Undone as a whole when a step fails: what was marked stays marked.
/// </remarks>
internal sealed partial class PrimaryRole
{
    private volatile Interruption? _interruption; // written under _verbs; what a verb that must not wait cancels
    private int _goingAlone; // Interlocked: failovers of this primary that wait for the verbs; none that takes long begins before them
    private ResyncResult? _lastResync; // guarded by _verbs
    private bool _cameBackByItself; // guarded by _verbs: the session was attached automatically, and nothing has been asked of it since
    private long _resyncs; // written under _verbs: how many have been completed

    public async Task<ResyncResult> ResyncAsync(bool abandonView, CancellationToken cancellationToken)
    {
        Check(Verb.Resync);
        long before = Volatile.Read(ref _resyncs);
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        Check(Verb.Resync);
        if (_stage != NodeStage.Replicating)
            return await ResyncUnderVerbsAsync(abandonView, cancellationToken);
        // One that came first has done what this one was asked for.
        return _resyncs == before ? new ResyncResult(0, TimeSpan.Zero) : _lastResync!;
    }

    private async Task<ResyncResult> ResyncUnderVerbsAsync(bool abandonView, CancellationToken cancellationToken)
    {
        IReplicationPeer peer = RequirePeer();
        RequireTransport();
        long began = Time.GetTimestamp();
        using Interruption interruption = Interruptible(cancellationToken);
        CheckPeer(await ConfirmGenerationAsync(peer, Verb.Resync, interruption.Token));
        ResyncResult result = await RepeatWithoutViewAsync(
            abandonView, givesUpView => ResyncOnceAsync(peer, abandonView, givesUpView, began, interruption.Token));
        _cameBackByItself = false;
        _lastResync = result;
        Volatile.Write(ref _resyncs, _resyncs + 1);
        return result;
    }

    private async Task<ResyncResult> ResyncOnceAsync(IReplicationPeer peer, bool abandonView, bool givesUpView, long began, CancellationToken cancellationToken)
    {
        var undo = new UndoStack();
        MirrorAttachment? attachment = null;
        try
        {
            NodeStage secondary;
            var order = new AttachOrder(Verb.Resync, NodeStage.Resyncing, SyncMode.Auto, abandonView, givesUpView);
            (attachment, secondary) = await AttachAsync(peer, order, undo, cancellationToken);
            long syncedBytes = await SyncAsync(attachment, peer, SyncMode.Auto, cancellationToken);
            // A secondary that has given its view up gets one with the first checkpoint of the session.
            if (secondary == NodeStage.Running)
                await ReplicateAgainAsync(attachment);
            else
                await FirstCheckpointAsync(attachment, peer, cancellationToken);
            undo.Commit();
            return new ResyncResult(syncedBytes, Time.GetElapsedTime(began));
        }
        catch (Exception e) when (e is VerbException or IOException or OperationCanceledException)
        {
            await undo.RunAsync(_context.Log.UndoFailed);
            throw AsSyncFailure(Verb.Resync, e, attachment);
        }
        finally
        {
            _sync = null;
        }
    }

    /// <summary>The secondary lacks nothing from here on: a crash that leaves this record leaves a primary that may be cut off cleanly.</summary>
    private async Task ReplicateAgainAsync(MirrorAttachment attachment)
    {
        using (await _changes.EnterAsync())
        {
            CheckStillSyncing();
            attachment.ThrowIfLost();
            await State.RecordAsync(record => record with { Stage = NodeStage.Replicating, Flags = _marks.Trust(record.Flags) });
            Transition(NodeStage.Replicating);
            Journal.Publish(EventTypes.MirrorAttached, ("transport", _transport!.Name));
        }
    }

    /// <summary>A resync continues a view; a secondary without one, or with that of an older generation, is a matter for start.</summary>
    private void CheckPeer(PeerPosition position)
    {
        if (position.Role != NodeRole.Secondary || position.Stage != NodeStage.Running)
            throw NeedsStart($"the peer is a {StageTable.NameOf(position.Role)} in stage {StageTable.NameOf(position.Stage)}");
        if (History.Compare(State.History, position.History) != HistoryRelation.Same)
            throw NeedsStart($"the secondary's view is of generation {position.Generation}, this primary is at {State.Generation}");
        if (!position.IsOfPair(State.Record.PairId))
            throw NeedsStart("this primary has been with another secondary since, or the secondary with another primary");
        // One that was restored from an older state.
        if (position.Epoch < State.Record.Epoch)
            throw NeedsStart($"the secondary's view is of epoch {position.Epoch}, this primary is at epoch {State.Record.Epoch}");
    }

    private static VerbException NeedsStart(string reason) =>
        new(VerbFailure.Refused, $"resync is refused: {reason}; run start") { NeedsOperator = true };

    /// <summary>
    /// Opens a session that what is marked can go through. Where it does not fit the overlay the secondary keeps its
    /// view and the verb is refused, unless the operator has said otherwise.
    /// </summary>
    private async Task<AttachReply> OpenSessionAsync(
        IReplicationPeer peer, AttachOrder order, Guid pairId, bool byMarks, UndoStack undo, CancellationToken cancellationToken)
    {
        var request = new AttachRequest(
            Options.Group, State.History, State.Record.Epoch, [.. _disks.Select(disk => (disk.Name, disk.Quorum.LengthBytes))], Options.OwnControl, order.Sync)
        {
            AbandonView = order.AbandonsView,
            PairId = pairId,
        };
        AttachReply reply = await AttachOnceAsync(peer, request, undo, cancellationToken);
        // Without marks nobody knows what there is to copy; an overlay that then runs out of room ends the session.
        long markedBytes = byMarks ? _disks.Sum(disk => disk.Quorum.Marks?.DirtyBytes ?? 0) : 0;
        if (reply.Stage != NodeStage.Running || markedBytes <= reply.OverlayFreeBytes)
            return reply;
        if (!order.MayAbandonView)
            throw DoesNotFit(order.Verb, $"{markedBytes} bytes are marked, and the secondary's overlay has room for {reply.OverlayFreeBytes} bytes");
        return await AttachOnceAsync(peer, request with { AbandonView = true }, undo, cancellationToken);
    }

    private async Task<AttachReply> AttachOnceAsync(IReplicationPeer peer, AttachRequest request, UndoStack undo, CancellationToken cancellationToken)
    {
        AttachReply reply = await peer.AttachMirrorAsync(request, cancellationToken);
        undo.Add(() => TakeBackAsync(peer, reply.Session));
        return reply;
    }

    /// <summary>The session ends by itself once its connections are closed: a peer that does not hear of it is not waited for.</summary>
    private async Task TakeBackAsync(IReplicationPeer peer, Guid session)
    {
        TimeSpan deadline = Options.Mirror.Deadline;
        using var limit = new CancellationTokenSource(deadline < Limits.PositionQuestionDeadline ? deadline : Limits.PositionQuestionDeadline, Time);
        await peer.DetachMirrorAsync(session, limit.Token);
    }

    /// <summary>Once more with the view given up, where the operator has allowed that and the overlay turned out to be too small on the way.</summary>
    private static async Task<T> RepeatWithoutViewAsync<T>(bool abandonView, Func<bool, Task<T>> sync)
    {
        try
        {
            return await sync(false);
        }
        catch (VerbException e) when (abandonView && e.NeedsOperator)
        {
            return await sync(true);
        }
    }

    private static VerbException AsSyncFailure(Verb verb, Exception e, MirrorAttachment? attachment) => attachment?.Session.Loss is { Errno: Errno.ENOSPC } loss
        ? DoesNotFit(verb, $"the secondary's overlay has run out of room at {loss.Range} of disk '{loss.Disk}'")
        : AsVerbFailure(StageTable.NameOf(verb), e);

    private static VerbException DoesNotFit(Verb verb, string reason) => new(
        VerbFailure.Refused,
        $"{StageTable.NameOf(verb)} is refused: {reason}; configure Overlay:Spill or a larger Overlay:Limit on the secondary, "
        + "or give its view up with --abandon-view")
    {
        NeedsOperator = true,
    };

    private Interruption Interruptible(CancellationToken cancellationToken)
    {
        var interruption = new Interruption(cancellationToken, _stopping.Token);
        _interruption = interruption;
        // Who interrupts counts itself first and looks for the interruption second: one of the two sees the other.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _goingAlone) > 0)
            interruption.Cancel();
        return interruption;
    }

    private void Interrupt() => _interruption?.Cancel();
}
