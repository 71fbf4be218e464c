using Replication.Block;
using Replication.Block.Files;
using Replication.Block.Overlay;
using Replication.Block.Quorums;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Jobs;
using Replication.Nbd;
using Replication.Roles.Jobs;

namespace Replication.Roles.Secondary;

/// <summary>
/// The secondary: takes the primary's writes below copy-before-write, shows its own guest the last checkpoint, and becomes the writable truth at a failover.
/// </summary>
/// <remarks>
/// One file a concern: Attach (sessions, invariant Whole), Checkpoint (commit, stop), Failover (promotion, commit). One mutex serialises every verb and peer
/// call that changes anything; stage, generation, epoch and <c>incomplete</c> are the record's, so that what is shown is what a restart finds.
/// </remarks>
internal sealed partial class SecondaryRole : INodeRole
{
    private readonly RoleContext _context;
    private readonly JobEngine _jobs;
    private readonly SecondaryGroup _group;
    private readonly IBackgroundWorker _worker;
    private readonly OverlayDirectories _directories;
    private readonly AsyncMutex _verbs = new();
    private NodeStage _loggedStage; // only for the log
    private SecondarySession? _session; // written under _verbs; read anywhere

    private SecondaryRole(RoleContext context, SecondaryGroup group, IBackgroundWorker worker, OverlayDirectories directories, NodeJobs jobs)
    {
        _jobs = jobs.Engine;
        _directories = directories;
        _context = context;
        _group = group;
        _worker = worker;
        var admission = new GuestAdmission();
        GuestExports = new ExportCatalog(jobs.ShowViews(group).Select(guest => new NbdExport(guest.Name, new Quorum(guest.Name, guest, admission))));
    }

    /// <summary>Opens the layers where the record left them.</summary>
    /// <exception cref="IOException">The overlays cannot be opened, or none are configured.</exception>
    public static async Task<SecondaryRole> OpenAsync(
        RoleContext context, IReadOnlyList<(string Name, BlockNode Node)> disks, NodeServices services, NodeJobs jobs)
    {
        OverlayOptions overlay = context.Options.Overlay ?? throw NodeOpening.MissingOverlay();
        var directories = new OverlayDirectories();
        IBackgroundWorker? worker = null;
        SecondaryGroup? group = null;
        try
        {
            IFileStore overlays = directories.Open(services, overlay.Directory, context.Options.Group, StatePlace.OverlayDirectory);
            IFileStore? spill = overlay.SpillDirectory is { } path ? directories.Open(services, path, context.Options.Group, StatePlace.SpillDirectory) : null;
            if (context.Options.Durability == Durability.Power && overlays.IsVolatile)
            {
                context.Log.Warn($"overlay directory {overlays.Path} is in memory: after a loss of power this secondary is inconsistent, "
                    + "and needs a sync, whatever Durability says");
            }

            worker = services.StartWorker("overlays");
            group = await SecondaryGroup.OpenAsync(new SecondaryGroupOptions
            {
                Disks = disks,
                Overlays = overlays,
                State = context.State.Directory,
                BlockSizeBytes = overlay.BlockSizeBytes,
                Time = context.Time,
                Worker = worker,
                Spill = spill,
                LimitBytes = overlay.LimitBytes,
                SoftLimitBytes = overlay.SoftLimitBytes,
                Power = context.Options.Durability == Durability.Power,
                // After a reboot the page cache is gone, and with it what had not been flushed.
                Trust = context.State.MayLackUnflushed ? OverlayTrust.None : context.State.IsFromAnotherBoot ? OverlayTrust.Durable : OverlayTrust.All,
                OnPressure = (pressure, usedBytes, limitBytes) => context.Journal.Publish(
                    pressure == OverlayPressure.Soft ? EventTypes.OverlaySoftLimit : EventTypes.OverlayHardLimit,
                    ("usedBytes", usedBytes), ("limitBytes", limitBytes), ("epoch", context.State.Record.Epoch)),
                Decorate = services.Decorate,
                OnFailure = (failure, disk, error) => Report(context, failure, disk, error),
                ViewAppearing = jobs.MarkViewsAsync,
                MayFollow = static (from, to) => StageTable.MayFollow(NodeRole.Secondary, from, to),
            });
            var role = new SecondaryRole(context, group, worker, directories, jobs);
            await role.SettleRestartAsync();
            return role;
        }
        catch
        {
            if (group is not null)
                await group.DisposeAsync();
            worker?.Dispose();
            await directories.DisposeAsync();
            throw;
        }
    }

    public NodeRole Role => NodeRole.Secondary;

    public ExportCatalog GuestExports { get; }

    public ExportCatalog MirrorExports { get; } = new([], listed: false);

    private NodeOptions Options => _context.Options;

    private NodeState State => _context.State;

    private INodeJournal Journal => _context.Journal;

    private TimeProvider Time => _context.Time;

    private EpochRecord Record => State.Record;

    private NodeStage Stage => Record.Stage;

    /// <summary>Called once, before the exports are served: a commit that was cut short goes on.</summary>
    public void Begin()
    {
        if (Stage == NodeStage.Failover)
            RunCommit();
    }

    public NodeStatus GetStatus()
    {
        EpochRecord record = Record;
        (long doneBytes, long totalBytes) = _commit?.Progress ?? default;
        bool attached = _session is { IsEnding: false };
        return new NodeStatus
        {
            Group = Options.Group,
            Role = NodeRole.Secondary,
            Stage = record.Stage,
            Generation = State.Generation,
            Epoch = record.Epoch,
            Mirror = attached
                ? record.Flags.HasFlag(EpochFlags.Incomplete) ? MirrorState.Resyncing : MirrorState.Connected
                : record.Stage == NodeStage.Running ? MirrorState.Detached : MirrorState.None,
            MirrorTransport = attached ? "nbd" : "",
            Disks = [.. _group.Disks.Select(disk => new DiskStatus(disk.Name, disk.LengthBytes, disk.DirtyBytes, disk.ActiveBytes, disk.HiddenBytes))],
            Error = Journal.OldestError,
            Incomplete = record.Flags.HasFlag(EpochFlags.Incomplete),
            Progress = record.Stage == NodeStage.Failover ? new ProgressStatus("commit", doneBytes, totalBytes) : null,
            CommitElapsedMs = (long)CommitElapsed.TotalMilliseconds,
            CommittedBytes = doneBytes,
        };
    }

    public Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken)
    {
        CheckGroup(group);
        // In the middle of a promotion either answer could be wrong by the time it arrives.
        if (_promoting)
            throw new VerbException(VerbFailure.Refused, "the secondary is being promoted: its position is not known yet");
        return Task.FromResult(
            new PeerPosition(NodeRole.Secondary, Stage, State.History, Record.Epoch) { PairId = Record.PairId, Incarnation = _context.Incarnation });
    }

    public async ValueTask DisposeAsync()
    {
        using (await _verbs.EnterAsync())
            await EndSessionAsync("ended", "the secondary is shutting down");
        await _group.DisposeAsync();
        await _context.SettledAsync();
        _worker.Dispose();
        await _directories.DisposeAsync();
    }

    /// <summary>
    /// No session survives a restart, so the disk may lack what the primary wrote meanwhile (invariant Whole); a first sync that was cut short is no view; and
    /// overlays that did not survive leave nothing to promote.
    /// </summary>
    private async Task SettleRestartAsync()
    {
        NodeStage stage = Stage switch
        {
            NodeStage.Running or NodeStage.Failover or NodeStage.FailoverFailed when _group.OverlaysLost => NodeStage.Inconsistent,
            // It says that it is equal to the primary's disk at the stop: a reboot may have taken some of that.
            NodeStage.Stopped when State.MayLackUnflushed => NodeStage.Inconsistent,
            NodeStage.Syncing => NodeStage.None,
            NodeStage other => other,
        };
        bool incomplete = Record.Flags.HasFlag(EpochFlags.Incomplete) || stage is NodeStage.Running or NodeStage.Inconsistent;
        // A reboot may have brought an older record back than the one under which the disk was last written.
        Guid pairId = State.MayLackUnflushed ? Guid.Empty : Record.PairId;
        if (stage != Stage || incomplete != Record.Flags.HasFlag(EpochFlags.Incomplete) || pairId != Record.PairId)
        {
            await _group.UpdateRecordAsync(record => record! with
            {
                Stage = stage,
                Flags = incomplete ? record.Flags | EpochFlags.Incomplete : record.Flags,
                OverlaySet = stage == NodeStage.Inconsistent ? 0 : record.OverlaySet,
                PairId = stage == NodeStage.Inconsistent ? Guid.Empty : pairId,
            });
        }

        State.TrustBoot();
        _loggedStage = Stage;
    }

    private static void Report(RoleContext context, SecondaryFailure failure, string disk, BlockException error) =>
        context.Journal.Report(new FailureReport(
            (FailureCase)failure, disk, error.Range.OffsetBytes, error.Range.LengthBytes, error.Errno, context.State.Record.Epoch, error.Message));

    /// <summary>Logs the record's stage where it has changed since the last call; after every change.</summary>
    private void LogStage()
    {
        NodeStage before = _loggedStage;
        _loggedStage = Stage;
        if (before != _loggedStage)
            _context.Log.StageChanged(NodeRole.Secondary, before, _loggedStage);
    }

    private void Check(Verb verb) => StageTable.Check(NodeRole.Secondary, Stage, verb);

    private void CheckGroup(string group)
    {
        if (group != Options.Group)
            throw new VerbException(VerbFailure.Invalid, $"this node serves group '{Options.Group}', not '{group}'");
    }
}
