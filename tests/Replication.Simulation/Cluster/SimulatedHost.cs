using Replication.Block;
using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Jobs;
using Replication.Simulation.Network;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Storage;

namespace Replication.Simulation.Cluster;

/// <summary>One of the two machines: its disks and directories, which stay, and the node's process, which comes and goes.</summary>
internal sealed class SimulatedHost
{
    private readonly PairSettings _settings;
    private readonly Action<string> _tell;
    private readonly Func<int> _nextId;
    private readonly SimulatedDirectory _state = new("/state");
    private readonly SimulatedDirectory _overlay = new("/overlay");
    private int _failedBefore;
    private int _failedRecordsBefore;

    // One for all processes of a run: no thread is started.
    private static readonly BlockingWorkers s_noWorkers = new("simulated", 0);

    public SimulatedHost(string name, NodeRole role, Scheduler scheduler, PairSettings settings, Func<int> nextId, Action<string> tell)
    {
        (Name, InitialRole, Scheduler, _settings, _nextId, _tell) = (name, role, scheduler, settings, nextId, tell);
        Kernel = new SimulatedProcess(scheduler, nextId(), $"{name} kernel");
        Disks = [.. settings.DiskBytes.Select((length, i) => new Medium($"disk{i}", length))];
        Profile = settings.Storage ?? MediumProfile.Draw(scheduler.Random);
    }

    public string Name { get; }

    public NodeRole InitialRole { get; }

    public Scheduler Scheduler { get; }

    /// <summary>What goes on living when the node's process dies: its sockets' other half.</summary>
    public SimulatedProcess Kernel { get; }

    public Medium[] Disks { get; }

    public SimulatedDirectory State => _state;

    public SimulatedDirectory Overlay => _overlay;

    public MediumProfile Profile { get; }

    /// <summary>How often the machine has been booted; another boot is another boot id.</summary>
    public int Boots { get; private set; } = 1;

    public FaultPlan Faults { get; } = new();

    /// <summary>Where its backups go.</summary>
    public TargetStore Targets { get; } = new();

    public SimulatedProcess? Process { get; private set; }

    /// <summary>The node, once it has been opened and until it is asked to end.</summary>
    public GroupNode? Serving { get; private set; }

    /// <summary>The node for as long as its process lives: for who looks on.</summary>
    public GroupNode? Node { get; private set; }

    public SimulatedJournal? Journal { get; private set; }

    /// <summary>The node is ending in order: its guest is sent away.</summary>
    public bool IsEnding { get; private set; }

    public bool IsUp => Process is { IsAlive: true };

    /// <summary>Set by who follows what the pair does.</summary>
    public Action<Guid> IdDrawn { get; set; } = _ => { };

    public Action<CommitRequest> CommitBegins { get; set; } = _ => { };

    public Action<CommitRequest, bool> CommitEnded { get; set; } = (_, _) => { };

    /// <summary>A primary has answered this host's question for a hold, which lasts until then; null: the question is asked anew.</summary>
    public Action<long?> HoldAnswered { get; set; } = _ => { };

    /// <summary>Its process is gone.</summary>
    public Action Killed { get; set; } = () => { };

    public Action<string, string> JobStatusChanged { get; set; } = (_, _) => { };

    public Action<string, bool> JobConcluded { get; set; } = (_, _) => { };

    public Action<Exception> OpenFailed { get; set; } = _ => { };

    public void Boot(SimulatedHost peer, Wire there, Wire back, List<MirrorConnection> connections)
    {
        var process = new SimulatedProcess(Scheduler, _nextId(), Name);
        (_failedBefore, _failedRecordsBefore) = (Faults.Failed, Faults.FailedRecords);
        (Process, Serving, Node, IsEnding) = (process, null, null, false);
        var journal = Journal = new SimulatedJournal(Name, _tell)
        {
            JobStatusChanged = (job, status) => JobStatusChanged(job, status),
            JobConcluded = (job, hasSucceeded) => JobConcluded(job, hasSucceeded),
        };
        var services = new NodeServices
        {
            Journal = journal,
            Log = new SimulatedLog(Name, _tell),
            Time = process.Time,
            Workers = s_noWorkers,
            ConnectPeer = _ => new SimulatedPeer(this, process, peer, there, back),
            ConnectMirror = _ => new SimulatedTransport(process, peer, there, back, connections),
            OpenDisk = disk => new MediumNode(disk.Name, Disks.Single(medium => medium.Name == disk.Name), process, Profile, Faults),
            OpenFiles = path => (path == "/state" ? _state : _overlay).For(process, Profile, Faults),
            OpenTarget = (command, _, _) => Targets.OpenAsync(command, _settings.ClusterBytes, process, Profile),
            SmallestClusterBytes = _settings.ClusterBytes,
            RunApart = work => work(),
            StartWorker = _ => new SimulatedWorker(process),
            BootId = () => new Guid(Boots, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            NewId = NewId,
            Random = Scheduler.Random.NextDouble,
        };
        process.Run(
            async () =>
            {
                GroupNode node = await GroupNode.OpenAsync(Options(), services);
                Serving = Node = node;
                node.Begin();
            },
            e => OpenFailed(e));
    }

    /// <summary>From here on it is known what a loss of power may take.</summary>
    public void KeepUnflushed()
    {
        var order = new WriteOrder();
        foreach (Medium disk in Disks)
            disk.KeepUnflushed(order);
        _state.KeepUnflushed(order);
        _overlay.KeepUnflushed(order);
    }

    /// <summary>The machine as a crash has left it; before its first process.</summary>
    public void Restore(IReadOnlyList<Medium> disks, int boots)
    {
        for (int i = 0; i < Disks.Length; i++)
            Disks[i] = disks[i];
        Boots = boots;
    }

    public void Kill()
    {
        Process?.Kill();
        Process = null;
        Serving = Node = null;
        Settle();
        Killed();
    }

    /// <summary>The disks and files that hang answer again.</summary>
    public void Unhang()
    {
        foreach (Medium disk in Disks)
            disk.Unhang();
        _state.Unhang();
        _overlay.Unhang();
    }

    /// <summary>Something that this host's node writes to does not answer.</summary>
    public bool Hangs => _state.Hangs || _overlay.Hangs || Disks.Any(disk => disk.Hangs);

    /// <summary>Requests of its media have failed since its process began.</summary>
    public bool HasFailed => Faults.Failed > _failedBefore;

    /// <summary>Records among them.</summary>
    public int FailedRecords => Faults.FailedRecords - _failedRecordsBefore;

    /// <summary>Ends the node in order: the guest first, then the node, then the process.</summary>
    public void ShutDown(Func<bool> guestIsGone)
    {
        if (Serving is not { } node || Process is not { } process || IsEnding)
            return;
        IsEnding = true;
        process.Run(
            async () =>
            {
                node.RefuseHeldRequests();
                for (int i = 0; i < 100 && !guestIsGone(); i++)
                    await Task.Delay(TimeSpan.FromMilliseconds(50), process.Time);
                Serving = null;
                await node.DisposeAsync();
                Scheduler.Post(Kernel, Kill);
            },
            e => OpenFailed(e));
    }

    /// <summary>The node's answer to a commit, seen from outside.</summary>
    public async Task<(ulong Epoch, TimeSpan Elapsed)> CommitAsync(GroupNode node, CommitRequest request)
    {
        SimulatedProcess? process = Process;
        CommitBegins(request);
        bool committed = false;
        try
        {
            (ulong Epoch, TimeSpan Elapsed) result = await node.CommitCheckpointAsync(request, default);
            committed = true;
            return result;
        }
        finally
        {
            // What unwinds in a process that has ended tells nobody anything.
            if (process is { IsAlive: true })
                CommitEnded(request, committed);
        }
    }

    /// <summary>The same for the last checkpoint.</summary>
    public async Task<ulong> StopReplicationAsync(GroupNode node, CommitRequest request)
    {
        SimulatedProcess? process = Process;
        CommitBegins(request);
        bool committed = false;
        try
        {
            ulong epoch = await node.StopReplicationAsync(request, default);
            committed = true;
            return epoch;
        }
        finally
        {
            // What unwinds in a process that has ended tells nobody anything.
            if (process is { IsAlive: true })
                CommitEnded(request, committed);
        }
    }

    /// <summary>What the kernel makes of a dead process's requests.</summary>
    private void Settle()
    {
        foreach (Medium disk in Disks)
            disk.Settle(Scheduler.Random);
        _state.Settle(Scheduler.Random);
        _overlay.Settle(Scheduler.Random);
        Targets.Settle(Scheduler.Random);
    }

    private Guid NewId()
    {
        Span<byte> bytes = stackalloc byte[16];
        Scheduler.Random.NextBytes(bytes);
        var id = new Guid(bytes);
        IdDrawn(id);
        return id;
    }

    private NodeOptions Options() => new()
    {
        Group = "vm1",
        StateDirectory = "/state",
        InitialRole = InitialRole,
        Durability = _settings.Durability,
        Disks = [.. Disks.Select(disk => new DiskOptions(disk.Name, disk.Name))],
        Overlay = new OverlayOptions("/overlay", _settings.BlockBytes, _settings.OverlayLimitBytes, _settings.OverlayLimitBytes * 3 / 4),
        Mirror = new MirrorOptions(
            _settings.Acknowledge, _settings.Deadline, _settings.WindowBytes,
            AllowPlain: false)
        { Resync = _settings.Resync, ResyncRate = _settings.ResyncRate },
        Peer = new PeerOptions("peer", "peer-mirror", TimeSpan.FromSeconds(30)),
        OwnControl = Name,
    };
}
