using Replication.Block;
using Replication.Block.Locks;
using Replication.Block.Quorums;
using Replication.Block.State;
using Replication.Jobs;
using Replication.Nbd;
using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

/// <summary>
/// The primary: serves the guest from the local disks, mirrors every write while it replicates, and goes on alone when the mirror is lost.
/// </summary>
/// <remarks>
/// <para>One file a concern: Start (attach, sync, first checkpoint), Checkpoint (the three calls), Failover (of the primary; stop), Fencing (hold, release,
/// fence), Loss (a session ended), Waiting (restarted with a peer on record), Resync (a detached pair comes back), Reconnect (by
/// itself), Alone (is there a second head), Sync, Verify, Discard (of the other side's changes). What may
/// differ is <see cref="PrimaryMarks"/>' affair.</para>
/// <para>Two mutexes. <see cref="_verbs"/> serialises verbs and may be held for minutes. <see cref="_changes"/> is held for the few steps that change stage,
/// record and holds together; inside it nothing waits for the peer. Order: _verbs, then _changes.</para>
/// <para>The record's stage is what a restart may rely on: while syncing it is still the stage before, and it says <c>detached</c> from just before the
/// first commit on, until that commit is known to have succeeded.</para>
/// </remarks>
internal sealed partial class PrimaryRole : INodeRole, IQuorumObserver
{
    private readonly RoleContext _context;
    private readonly JobEngine _jobs;
    private readonly IReadOnlyList<PrimaryDisk> _disks;
    private readonly GroupGate _gate;
    private readonly GuestHolds _holds;
    private readonly AsyncMutex _verbs = new();
    private readonly AsyncMutex _changes = new();
    private readonly PrimaryMarks _marks;
    private readonly IReplicationPeer? _peer;
    private readonly IMirrorTransport? _transport;
    private readonly CancellationTokenSource _stopping = new();
    private volatile NodeStage _stage; // written under _changes
    private MirrorAttachment? _attachment; // guarded by _changes for writing; read anywhere

    private PrimaryRole(RoleContext context, IReadOnlyList<(string Name, BlockNode Node)> disks, JobEngine jobs)
    {
        _context = context;
        _jobs = jobs;
        _outrun = new OutrunAlarm(context.Journal);
        _gate = new GroupGate(context.Time);
        var admission = new GuestAdmission();
        _holds = new GuestHolds(admission);
        _pace = new ReconnectPace(context.Time, context.Random);
        _disks = [.. disks.Select(disk => Disk(disk.Name, disk.Node, admission))];
        _marks = new PrimaryMarks(context, _disks, _changes);
        _peer = context.Options.Peer.Control is { } address ? context.ConnectPeer(address) : null;
        _transport = context.Options.Peer.Mirror is { } mirror ? context.ConnectMirror(mirror) : null;
        GuestExports = new ExportCatalog(_disks.Select(disk => disk.Export));
        EpochRecord record = State.Record;
        bool hadPeer = record.Flags.HasFlag(EpochFlags.HadPeer);
        _stage = record.Stage == NodeStage.Fenced ? NodeStage.Fenced : hadPeer ? NodeStage.Waiting : NodeStage.Standalone;
        // Before anybody can send a request: the exports may be served before Begin is called.
        if (_stage != NodeStage.Standalone)
            _holds.Add(_stage == NodeStage.Fenced ? HoldReason.Fenced : HoldReason.Unconfirmed);
    }

    /// <summary>Opens the graph of a primary where its record left it.</summary>
    /// <exception cref="IOException">The state directory cannot be read or written.</exception>
    public static async Task<PrimaryRole> OpenAsync(RoleContext context, IReadOnlyList<(string Name, BlockNode Node)> disks, JobEngine jobs)
    {
        var role = new PrimaryRole(context, disks, jobs);
        try
        {
            await role._marks.OpenAsync();
            return role;
        }
        catch
        {
            // A flush that failed is being recorded.
            await context.SettledAsync();
            await role._marks.EndAsync();
            throw;
        }
    }

    public NodeRole Role => NodeRole.Primary;

    public ExportCatalog GuestExports { get; }

    /// <summary>A primary offers no mirror export.</summary>
    public ExportCatalog MirrorExports { get; } = new([], listed: false);

    private NodeOptions Options => _context.Options;

    private NodeState State => _context.State;

    private INodeJournal Journal => _context.Journal;

    private TimeProvider Time => _context.Time;

    /// <summary>Called once, before the exports are served.</summary>
    public void Begin()
    {
        if (_stage == NodeStage.Waiting)
            BeginWaiting();
        else if (_stage == NodeStage.Standalone)
            _context.Run("look for a second head", BeginAloneAsync);
    }

    public NodeStatus GetStatus()
    {
        NodeStage stage = _stage;
        EpochRecord record = State.Record;
        return new NodeStatus
        {
            Group = Options.Group,
            Role = NodeRole.Primary,
            Stage = stage,
            Generation = State.Generation,
            Epoch = record.Epoch,
            Mirror = stage switch
            {
                NodeStage.Replicating => MirrorState.Connected,
                NodeStage.Syncing or NodeStage.Resyncing => MirrorState.Resyncing,
                NodeStage.Detached => MirrorState.Detached,
                _ => MirrorState.None,
            },
            MirrorTransport = _attachment is null ? "" : _transport!.Name,
            Disks = [.. _disks.Select(disk => new DiskStatus(disk.Name, disk.Quorum.LengthBytes, disk.Quorum.Marks?.DirtyBytes ?? 0, 0, 0))],
            Error = Journal.OldestError,
            Progress = _sync?.Progress ?? _verified,
        };
    }

    /// <summary>QEMU's meaning: a primary's checkpoint does nothing.</summary>
    public Task<ulong> CheckpointAsync(CancellationToken cancellationToken)
    {
        Check(Verb.Checkpoint);
        return Task.FromResult(State.Record.Epoch);
    }

    public async ValueTask DisposeAsync()
    {
        _stopping.Cancel();
        using (await _verbs.EnterAsync())
        {
            // An End that is under way holds the changes, and releases the hold that it has seen there.
            using (await _changes.EnterAsync())
                AbortHold("the primary is shutting down");
            if (_attachment is { } attachment)
                await DetachOrderlyAsync(attachment);
        }

        using (await _changes.EnterAsync())
        {
            _promotionLease?.Dispose();
            _promotionLease = null;
        }

        // What waits for an answer of the peer fails now, and what was about to be recorded has been.
        await _context.SettledAsync();
        await _marks.CloseAsync();
    }

    void IQuorumObserver.LocalFailed(Quorum quorum, BlockException failure)
    {
        Report(FailureCase.PrimaryDisk, quorum.Name, failure);
        if (failure.Operation == BlockOperation.Flush)
            _marks.FlushHasFailed();
    }

    void IQuorumObserver.ForwardFailed(Quorum quorum, BlockException failure, bool localFailedToo)
    {
        // A session that is over is listed once, with the reason for which it ended, when that is settled.
        if (failure.Kind != BlockErrorKind.Shutdown)
            Report(FailureCase.Forwarding, quorum.Name, failure);
    }

    private void Report(FailureCase which, string disk, BlockException failure) =>
        Journal.Report(
            new FailureReport(which, disk, failure.Range.OffsetBytes, failure.Range.LengthBytes, failure.Errno, State.Record.Epoch, failure.Message));

    private PrimaryDisk Disk(string name, BlockNode local, GuestAdmission admission)
    {
        var quorum = new Quorum(name, local, admission, _gate, this);
        return new PrimaryDisk(name, local, quorum, new NbdExport(name, quorum));
    }

    private void Check(Verb verb) => StageTable.Check(NodeRole.Primary, _stage, verb);

    /// <summary>The one way to another stage. Call under <see cref="_changes"/>, after the record that makes it true.</summary>
    private void Transition(NodeStage next)
    {
        NodeStage from = _stage;
        if (from == next)
            return;
        Invariant.Check(StageTable.MayFollow(NodeRole.Primary, from, next), $"primary: {from} -> {next}");
        _stage = next;
        _context.Log.StageChanged(NodeRole.Primary, from, next);
        if (next == NodeStage.Detached)
            FollowPeer();
        else if (next == NodeStage.Standalone)
            WatchForRival();
    }

    private void RequireTransport()
    {
        if (_transport is null)
            throw new VerbException(VerbFailure.Invalid, "Replication:Peer:Mirror is not configured on the primary: it does not know where to mirror to");
    }

    private IReplicationPeer RequirePeer() =>
        _peer ?? throw new VerbException(VerbFailure.Invalid, "Replication:Peer:Control is not configured on the primary: it does not know its secondary");
}
