using Replication.Block;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Nbd;

namespace Replication.Roles.Secondary;

/// <remarks>
/// Sessions. An attach ends every earlier session before it answers, and is refused while the disk has requests of one that it does not answer; no verb waits
/// for them longer than the mirror's deadline. A session ends with the first connection that it loses. Invariant Whole: from the attach until a completed sync,
/// and from the end of a session on, the record says <c>incomplete</c>.
/// </remarks>
internal sealed partial class SecondaryRole
{
    private bool _lacksWrites; // guarded by _verbs; the disk may lack a primary write (invariant Whole), on record or not
    private readonly List<SecondarySession> _draining = []; // guarded by _verbs; over, and the disk still has requests of them
    private IReadOnlyList<Generation>? _attachedHistory; // guarded by _verbs; becomes ours with the first commit
    private Guid _attachedPairId; // guarded by _verbs; likewise

    /// <summary>The checks of a start, without a change: an operator's mistake is told before anything moves.</summary>
    public async Task<StartResult> StartAsync()
    {
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        Check(Verb.Start);
        return new StartResult(State.Generation, Record.Epoch, 0, TimeSpan.Zero);
    }

    public async Task<AttachReply> AttachMirrorAsync(AttachRequest request)
    {
        CheckGroup(request.Group);
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        Check(Verb.AttachMirror);
        CheckDisks(request.Disks);
        CheckHistory(request.History);
        await EndSessionAsync("superseded", "a newer mirror session has been attached");
        await CheckDrainedAsync();

        bool keepsView = Stage == NodeStage.Running && !request.AbandonView;
        Guid found = Record.PairId;
        // Before the first byte of a sync that makes it another pair's: the disk is nobody's until that is done.
        Guid pairId = found == request.PairId ? found : Guid.Empty;
        if (keepsView)
            await _group.UpdateRecordAsync(record => record! with { Flags = record.Flags | EpochFlags.Incomplete, PairId = pairId });
        else
            await BeginSyncAsync(pairId);
        State.RememberPeer(request.PrimaryControl);
        (_attachedHistory, _attachedPairId) = (request.History, request.PairId);
        var state = new MirrorSessionState(_context.NewId()) { CompareBeforeWrite = keepsView };
        _session = Open(state);
        _context.Log.SessionOpened(state.Token);
        LogStage();
        return new AttachReply(state.Token, Record.Epoch, Stage)
        {
            OverlayFreeBytes = keepsView ? _group.OverlayFreeBytes : long.MaxValue,
            FoundPairId = found,
            FlushesForCheckpoints = Options.Durability == Durability.Power,
        };
    }

    /// <summary>
    /// No view from here on until a sync is done: there was none, or the operator gives it up. Under the closed gate: a read of a stopped secondary that is
    /// under way goes to the disk itself, and must have ended before the sync writes there.
    /// </summary>
    private async Task BeginSyncAsync(Guid pairId)
    {
        SwitchResult result = await _group.CheckpointAsync(new SwitchRequest
        {
            Next = record => record with { Stage = NodeStage.Syncing, Flags = record.Flags | EpochFlags.Incomplete, PairId = pairId },
            WithOverlays = false,
            AbandonsView = true,
            Deadline = Options.Mirror.Deadline,
        });
        if (!result.Switched)
            throw new VerbException(VerbFailure.Failed, $"the secondary cannot go over to a sync: {result.Reason}", result.Error);
        LogStage();
    }

    public async Task DetachMirrorAsync(Guid session)
    {
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        if (_session?.Token == session)
            await EndSessionAsync("ended", "the primary has taken its attach back");
    }

    public async Task CompleteSyncAsync(Guid session)
    {
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        SecondarySession current = CurrentSession(session);
        if (current.State.Failed)
        {
            throw new VerbException(
                VerbFailure.Failed, "the sync is not complete: a mirrored write of this session has failed on the secondary; see coloctl errors");
        }

        current.Synced = true;
        _lacksWrites = false;
        current.State.CompareBeforeWrite = false;
        if (Stage == NodeStage.Running)
            await _group.UpdateRecordAsync(record => record! with { Flags = record.Flags & ~EpochFlags.Incomplete });
        // Ahead of the first commit, which comes with the primary's guest held.
        await _group.PrepareAsync();
    }

    public async Task<ReadOnlyMemory<byte>> GetDigestsAsync(
        Guid session, string disk, long offsetBytes, long lengthBytes, int pieceBytes, CancellationToken cancellationToken)
    {
        SecondarySession? current = Volatile.Read(ref _session);
        if (current is null || current.Token != session || current.IsEnding)
            throw SessionOver();
        SecondaryDisk found = _group.Disks.FirstOrDefault(d => d.Name == disk) ?? throw new VerbException(
            VerbFailure.Invalid, $"group '{Options.Group}' has no disk '{disk}'");
        try
        {
            return await Digests.ReadAsync(found.CopyBeforeWrite, new BlockRange(offsetBytes, lengthBytes), pieceBytes, cancellationToken);
        }
        catch (VerbException e) when (e.InnerException is BlockException failure)
        {
            Report(_context, SecondaryFailure.SecondaryDisk, disk, failure);
            throw;
        }
    }

    /// <summary>
    /// A write that an ended session still has in the disk would keep its place in the order of overlapping writes, but not in that of a new session's
    /// comparisons: a digest read before it lands says that nothing need be copied. So nothing is attached before it has come back; the primary tries again.
    /// </summary>
    private async Task CheckDrainedAsync()
    {
        foreach (SecondarySession session in _draining.ToArray())
        {
            // A flush or a read that is still under way changes nothing.
            if (session.State.InFlight > 0 && !await session.WaitForEndAsync(Options.Mirror.Deadline, Time))
            {
                throw new VerbException(
                    VerbFailure.Failed,
                    "the secondary's disk has not answered requests of an earlier mirror session yet; it can be attached once it has");
            }

            _draining.Remove(session);
        }
    }

    /// <summary>
    /// Ends the session that is current, if any, and records what its end means; waits for what it has in flight, at most <paramref name="limit"/> (null: the
    /// mirror's deadline). Call under <see cref="_verbs"/>.
    /// </summary>
    private async Task EndSessionAsync(string cause, string message, TimeSpan? limit = null)
    {
        if (_session is not { } session)
            return;
        if (!await session.EndAsync(message, limit ?? Options.Mirror.Deadline, Time))
        {
            _draining.Add(session);
            if (session.State.InFlight > 0)
                _context.Log.Warn("a mirror session is over, and the disk has not answered some of its requests yet");
        }

        MirrorExports.Remove(session.Exports);
        _session = null;
        _attachedHistory = null;
        // Holds from here on, also where the record below cannot be written: checkpoints need a session that has synced.
        _lacksWrites = true;
        if (Stage == NodeStage.Syncing)
            await _group.UpdateRecordAsync(record => record! with { Stage = NodeStage.None, Flags = record.Flags & ~EpochFlags.Incomplete });
        else if (Stage == NodeStage.Running && !Record.Flags.HasFlag(EpochFlags.Incomplete))
            await _group.UpdateRecordAsync(record => record! with { Flags = record.Flags | EpochFlags.Incomplete });
        if (Stage == NodeStage.Running && session.Synced)
            Journal.Publish(EventTypes.MirrorDetached, ("cause", cause), ("message", message));
        LogStage();
    }

    private SecondarySession Open(MirrorSessionState state)
    {
        var exports = new List<NbdExport>();
        SecondarySession? session = null;
        foreach (SecondaryDisk disk in _group.Disks)
        {
            var export = new NbdExport($"{disk.Name}@{state.Token:N}", disk.CreateMirrorTarget(state)) { Label = $"{disk.Name}.mirror" };
            export.ConnectionClosed += (_, reason) => OnConnectionClosed(session!, reason.Message);
            exports.Add(export);
        }

        session = new SecondarySession(state, exports);
        MirrorExports.Add(exports);
        return session;
    }

    private void OnConnectionClosed(SecondarySession session, string reason)
    {
        if (session.IsEnding)
            return;
        _context.Run("end a lost mirror session", async () =>
        {
            using AsyncMutex.Holder verb = await _verbs.EnterAsync();
            if (_session != session)
                return;
            try
            {
                await EndSessionAsync("connection-lost", reason);
            }
            catch (IOException e)
            {
                // A restart finds no session and records it then.
                _context.Log.Warn($"the end of the mirror session is not on record: {e.Message}");
            }
        });
    }

    private SecondarySession CurrentSession(Guid token) =>
        _session is { IsEnding: false } session && session.Token == token ? session : throw SessionOver();

    private static VerbException SessionOver() =>
        new(VerbFailure.Refused, "the mirror session is over: its connection was lost, or a newer one has been attached; run start");

    private void CheckDisks(IReadOnlyList<(string Name, long LengthBytes)> theirs)
    {
        foreach ((string name, long lengthBytes) in theirs)
        {
            SecondaryDisk? ours = _group.Disks.FirstOrDefault(disk => disk.Name == name);
            if (ours is null)
                throw new VerbException(VerbFailure.Failed, $"disk '{name}' of the primary is not configured on the secondary");
            if (ours.LengthBytes != lengthBytes)
            {
                throw new VerbException(
                    VerbFailure.Failed,
                    $"disk '{name}' has {lengthBytes} bytes on the primary and {ours.LengthBytes} bytes on the secondary: they must be equal");
            }
        }

        if (_group.Disks.FirstOrDefault(disk => theirs.All(their => their.Name != disk.Name)) is { } extra)
            throw new VerbException(VerbFailure.Failed, $"disk '{extra.Name}' of the secondary is not configured on the primary");
    }

    private void CheckHistory(IReadOnlyList<Generation> theirs)
    {
        HistoryRelation relation = History.Compare(State.History, theirs);
        if (relation == HistoryRelation.OursNewer)
        {
            throw new VerbException(
                VerbFailure.Refused, $"the secondary is at generation {State.Generation}, the primary only at {theirs[^1]}: the primary has been superseded");
        }

        if (relation == HistoryRelation.Diverged)
        {
            throw new VerbException(VerbFailure.Refused, $"split brain: secondary is at generation {State.Generation} epoch {Record.Epoch}, primary at "
                + $"generation {theirs[^1]}; neither continues the other");
        }
    }
}
