using Replication.Block;
using Replication.Block.State;
using Replication.Nbd;
using Replication.Roles.Jobs;
using Replication.Roles.Primary;
using Replication.Roles.Secondary;

namespace Replication.Roles;

/// <summary>One node of a pair: opens its state, takes the role that is recorded there, and passes each verb to the role that has it.</summary>
public sealed class GroupNode : IReplicationNode
{
    private readonly RoleContext _context;
    private readonly INodeRole _role;

    private readonly IReadOnlyList<BlockNode> _disks;

    internal GroupNode(RoleContext context, INodeRole role, NodeJobs jobs, IReadOnlyList<BlockNode> disks)
    {
        _disks = disks;
        Jobs = jobs;
        _context = context;
        _role = role;
        GuestListenerExports = new GuestListenerExports(role.GuestExports, jobs.Fleeces.Exports);
    }

    /// <summary>
    /// Opens and locks the disks and the state directory, takes the role recorded there (or the initial one), and opens the role's graph. Serves nothing yet.
    /// </summary>
    /// <exception cref="IOException">A disk or the state cannot be used: one line that says which and why. Nothing was changed.</exception>
    public static Task<GroupNode> OpenAsync(NodeOptions options, NodeServices services) => NodeOpening.OpenAsync(options, services);

    public NodeRole Role => _context.State.Role;

    /// <summary>The node's block jobs and dirty bitmaps.</summary>
    public NodeJobs Jobs { get; }

    /// <summary>The disks as this node's guest sees them.</summary>
    public ExportCatalog GuestExports => _role.GuestExports;

    /// <summary>What the guests' listeners offer: those, and the node's fleeces.</summary>
    public INbdExportCatalog GuestListenerExports { get; }

    /// <summary>The disks as mirror sessions see them; changes with every session.</summary>
    public ExportCatalog MirrorExports => _role.MirrorExports;

    /// <summary>Goes on with what the last run left: waits for the peer, resumes a commit. Call once, when the control endpoint answers.</summary>
    public void Begin() => _role.Begin();

    /// <summary>
    /// The node is about to end: guest requests that are held until somebody confirms its generation fail now, and jobs are cancelled, for guests' writes may
    /// wait for their targets.
    /// </summary>
    public void RefuseHeldRequests()
    {
        (_role as PrimaryRole)?.RefuseHeldRequests();
        _context.Run("the end of all jobs", Jobs.Engine.EndAsync);
    }

    public NodeStatus GetStatus() => _role.GetStatus();

    /// <summary>One that discards nobody's changes.</summary>
    public Task<StartResult> StartAsync(NodeRole mode, SyncMode sync, bool abandonView, CancellationToken cancellationToken) =>
        StartAsync(mode, sync, abandonView, discardSecondary: false, cancellationToken);

    public Task<StartResult> StartAsync(NodeRole mode, SyncMode sync, bool abandonView, bool discardSecondary, CancellationToken cancellationToken)
    {
        if (mode != Role)
            throw new VerbException(VerbFailure.Refused, $"start in mode {StageTable.NameOf(mode)} is refused: this node is the {StageTable.NameOf(Role)}");
        return _role switch
        {
            PrimaryRole primary => primary.StartAsync(sync, abandonView, discardSecondary, cancellationToken),
            SecondaryRole secondary => secondary.StartAsync(),
            _ => throw Wrong("start", Role),
        };
    }

    public Task<ulong> CheckpointAsync(CancellationToken cancellationToken) => _role.CheckpointAsync(cancellationToken);

    public Task<ResyncResult> ResyncAsync(bool abandonView, CancellationToken cancellationToken) =>
        Primary("resync").ResyncAsync(abandonView, cancellationToken);

    public Task<VerifyResult> VerifyAsync(bool repair, CancellationToken cancellationToken) => Primary("verify").VerifyAsync(repair, cancellationToken);

    public Task<ulong> StopAsync(CancellationToken cancellationToken) => Primary("stop").StopAsync(cancellationToken);

    /// <summary>With the contract's patience for a primary that does not answer.</summary>
    public Task<FailoverResult> FailoverAsync(bool force, CancellationToken cancellationToken) => FailoverAsync(force, null, cancellationToken);

    public Task<FailoverResult> FailoverAsync(bool force, TimeSpan? patience, CancellationToken cancellationToken) =>
        _role is SecondaryRole secondary ? secondary.FailoverAsync(force, patience, cancellationToken) : Primary("failover").FailoverAsync();

    public Task<BegunCheckpoint> BeginCheckpointAsync(ulong epoch, TimeSpan? deadline, CancellationToken cancellationToken) =>
        Primary("checkpoint").BeginCheckpointAsync(epoch, deadline, cancellationToken);

    public Task<(ulong Epoch, TimeSpan Hold)> EndCheckpointAsync(ulong epoch, CheckpointOutcome outcome, CancellationToken cancellationToken) =>
        Primary("checkpoint").EndCheckpointAsync(epoch, outcome, cancellationToken);

    public Task<AttachReply> AttachMirrorAsync(AttachRequest request, CancellationToken cancellationToken) =>
        Secondary("attaching a mirror").AttachMirrorAsync(request);

    public Task DetachMirrorAsync(Guid session, CancellationToken cancellationToken) => Secondary("detaching a mirror").DetachMirrorAsync(session);

    public Task CompleteSyncAsync(Guid session, CancellationToken cancellationToken) => Secondary("completing a sync").CompleteSyncAsync(session);

    public Task<ReadOnlyMemory<byte>> GetDigestsAsync(
        Guid session, string disk, long offsetBytes, long lengthBytes, int pieceBytes, CancellationToken cancellationToken) =>
        Secondary("digests").GetDigestsAsync(session, disk, offsetBytes, lengthBytes, pieceBytes, cancellationToken);

    public Task<(ulong Epoch, TimeSpan Elapsed)> CommitCheckpointAsync(CommitRequest request, CancellationToken cancellationToken) =>
        Secondary("committing a checkpoint").CommitCheckpointAsync(request);

    public Task<ulong> StopReplicationAsync(CommitRequest request, CancellationToken cancellationToken) =>
        Secondary("ending replication").StopReplicationAsync(request);

    public Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken) => _role.GetPositionAsync(group, cancellationToken);

    public Task<PeerPosition> HoldAsync(string group, Generation generation, TimeSpan lease, CancellationToken cancellationToken) =>
        Primary("hold").HoldAsync(group, generation, lease);

    public Task ReleaseAsync(Generation? fencedBy, CancellationToken cancellationToken) => Primary("release").ReleaseAsync(fencedBy);

    /// <summary>Drains, flushes and closes; the secondary stays at its epoch, and a primary's end is no failover.</summary>
    public async ValueTask DisposeAsync()
    {
        // A role waits for everything that runs, and a job may run for as long as nobody cancels it.
        await Jobs.Engine.EndAsync();
        await _role.DisposeAsync();
        await Jobs.DisposeAsync();
        foreach (BlockNode disk in _disks)
        {
            await FlushAsync(disk);
            await disk.DisposeAsync();
        }

        await _context.State.DisposeAsync();
    }

    private async Task FlushAsync(BlockNode disk)
    {
        try
        {
            await disk.FlushAsync();
        }
        catch (BlockException e)
        {
            _context.Log.Warn($"at the end: {e.Message}");
        }
    }

    private PrimaryRole Primary(string verb) => _role as PrimaryRole ?? throw Wrong(verb, NodeRole.Primary);

    private SecondaryRole Secondary(string verb) => _role as SecondaryRole ?? throw Wrong(verb, NodeRole.Secondary);

    private VerbException Wrong(string verb, NodeRole wanted)
    {
        NodeStatus status = GetStatus();
        return new VerbException(
            VerbFailure.Refused,
            $"{verb} is refused: it is a {StageTable.NameOf(wanted)}'s, and this node is a {StageTable.NameOf(status.Role)} in stage "
            + $"{StageTable.NameOf(status.Stage)}");
    }
}
