using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary.Simulation;

/// <summary>
/// One random run of a secondary: mirrored writes, guest reads and writes, checkpoints and a failover, with kills at any moment, against a model.
/// </summary>
/// <remarks>
/// The model knows for each cell what the view and what the disk may show. A request that is under way may have happened or not; one that has completed has
/// happened. A checkpoint makes the disk's cells the view's, at the moment when the gate is closed and nothing
/// is under way; what waits at the gate then belongs to the next epoch. A view that was pinned shows from that moment on what the view was.
/// </remarks>
internal sealed class Interleaving
{
    private const int DiskCount = 2;

    private readonly Random _random;
    private readonly Schedule _schedule;
    private readonly bool _failures;
    private readonly MirrorSessionState _session = new(Guid.NewGuid());
    private readonly CellModel[] _disk = [.. Enumerable.Range(0, DiskCount).Select(_ => new CellModel())];
    private readonly List<Request> _underWay = [];
    private CellModel[] _view = [.. Enumerable.Range(0, DiskCount).Select(_ => new CellModel())];
    private CellModel[]? _viewBefore; // of the epoch that a restart finds until the record is written
    private readonly List<Task> _ofPins = [];
    private SimulatedGroup _simulated = null!;
    private PinnedViews _pins = null!;
    private Task<SwitchResult>? _switch;
    private bool _gateDecided;
    private ulong _epoch = 1;
    private int _nextTag;

    public Interleaving(int seed, bool failures)
    {
        _random = new Random(seed);
        _schedule = new Schedule(_random);
        _failures = failures;
        _session.CompareBeforeWrite = _random.Next(3) == 0;
    }

    private SecondaryGroup Group => _simulated.Group;

    public async Task RunAsync()
    {
        _simulated = await SimulatedGroup.CreateAsync(DiskCount, _schedule);
        Task<SwitchResult> started = Group.CheckpointAsync(
            new SwitchRequest { Next = r => r with { Stage = NodeStage.Running, Epoch = 1 }, Deadline = TestTimeouts.Patience }).AsTask();
        await DrainAsync();
        Assert.True((await started).Switched);
        _schedule.FailOneIn = _failures ? 60 : 0;
        _pins = new PinnedViews(Group, _random, _failures);

        for (int i = 0; i < 150; i++)
            await MoveAsync(running: true);
        await DrainAsync();
        await FailOverAsync();
    }

    private async Task FailOverAsync()
    {
        SwitchResult promoted;
        do
        {
            _schedule.FailOneIn = _failures && _schedule.FailOneIn > 0 ? 60 : 0;
            Task<SwitchResult> promotion = Group.PromoteAsync(
                r => r with { GenerationNumber = 1, GenerationId = Guid.NewGuid() }, TestTimeouts.Patience, _session.Revoke).AsTask();
            while (!promotion.IsCompleted)
                await MoveAsync(running: false);
            promoted = await promotion;
        }
        while (!promoted.Switched);

        CommitResult commit;
        int attempts = 0;
        do
        {
            if (attempts++ == 3)
                _schedule.FailOneIn = 0;
            Task<CommitResult> running = Group.CommitAsync().AsTask();
            while (!running.IsCompleted)
                await MoveAsync(running: false);
            commit = await running;
            Assert.Equal(commit.Outcome == CommitOutcome.Done ? NodeStage.Done : NodeStage.FailoverFailed, Group.Stage);
        }
        while (commit.Outcome != CommitOutcome.Done);

        for (int i = 0; i < 20; i++)
            await MoveAsync(running: false);
        await DrainAsync();
        _ofPins.Add(_pins.ReleaseAsync(all: true));
        await DrainAsync();
        await Task.WhenAll(_ofPins);
        await CheckAsync(_simulated, _view, "at the end");
    }

    private async Task MoveAsync(bool running)
    {
        switch (_random.Next(100))
        {
            case < 12:
                Start(Kind.GuestWrite);
                break;
            case < 24:
                Start(running ? Kind.MirroredWrite : Kind.GuestWrite);
                break;
            case < 36:
                Start(Kind.Read);
                break;
            case < 39 when running && _switch is null:
                StartCheckpoint();
                break;
            case < 41:
                await CheckKillAsync();
                break;
            case < 43:
                _ofPins.Add(_pins.PinAsync(_random.Next(DiskCount)));
                break;
            case < 48:
                _ofPins.Add(_pins.ReadAsync());
                break;
            case < 49 when _random.Next(4) == 0:
                _ofPins.Add(_pins.ReleaseAsync(all: false));
                break;
            default:
                _schedule.Step();
                break;
        }

        await SettleAsync();
    }

    private void Start(Kind kind)
    {
        var run = new Run(_random.Next(DiskCount), _random.Next(SimulatedGroup.Cells), 0, 0);
        run = run with { Count = _random.Next(1, Math.Min(24, SimulatedGroup.Cells - run.First) + 1), Tag = _random.Next(6) == 0 ? 0 : ++_nextTag };
        // Of each kind of write only one at a time into a cell, as from a guest that knows what it wants, and from the mirror.
        if (_underWay.Count > 8 || (kind != Kind.Read && _underWay.Any(other => other.Kind == kind && other.Run.Overlaps(run))))
            return;
        var request = new Request(kind, run) { Waits = Group.Gate.IsShut && _switch is not null && !_gateDecided };
        if (kind == Kind.Read)
            request.Allowed = new CellModel();
        if (kind == Kind.Read)
            ForgetAll(request);
        if (!request.Waits)
            Enter(request);
        _underWay.Add(request);
        SecondaryDisk disk = Group.Disks[run.Disk];
        BlockNode target = kind == Kind.MirroredWrite ? disk.CreateMirrorTarget(_session) : disk.Guest;
        request.Task = kind == Kind.Read ? target.ReadAsync(run.Range.OffsetBytes, request.Buffer).AsTask()
            : run.Tag == 0 ? target.DiscardAsync(run.Range).AsTask()
            : target.WriteAsync(run.Range.OffsetBytes, run.Content()).AsTask();
    }

    private static void ForgetAll(Request read)
    {
        for (int cell = read.Run.First; cell < read.Run.End; cell++)
            read.Allowed![cell].Clear();
    }

    // The request is inside the gate: from here on its effect may be seen.
    private void Enter(Request request)
    {
        request.Waits = false;
        Run run = request.Run;
        if (request.Kind == Kind.MirroredWrite)
            _disk[run.Disk].May(run);
        if (request.Kind == Kind.GuestWrite)
        {
            _view[run.Disk].May(run);
            foreach (Request read in _underWay.Where(other => other is { Kind: Kind.Read, Waits: false } && other.Run.Overlaps(run)))
            {
                for (int cell = Math.Max(run.First, read.Run.First); cell < Math.Min(run.End, read.Run.End); cell++)
                    read.Allowed![cell].Add(run.Tag);
            }
        }

        if (request.Kind == Kind.Read)
        {
            for (int cell = run.First; cell < run.End; cell++)
                request.Allowed![cell].UnionWith(_view[run.Disk][cell]);
        }
    }

    private void StartCheckpoint()
    {
        int asked = 0;
        ulong next = _epoch + 1;
        _gateDecided = false;
        _switch = Group.CheckpointAsync(new SwitchRequest
        {
            Next = record => record with { Epoch = next },
            Deadline = TestTimeouts.Patience,
            Precondition = () =>
            {
                bool refused = _session.WhyNotDrained(_session.Passed) is not null && _session.Failed;
                if (++asked == 2)
                    Decide(refused);
                return refused ? "a mirrored write has failed" : null;
            },
        }).AsTask();
    }

    // Under the closed gate: nothing is inside.
    private void Decide(bool refused)
    {
        Assert.All(_underWay, request => Assert.True(request.Waits || request.Task.IsCompleted));
        foreach (Request request in _underWay.Where(request => !request.Waits).ToList())
            Finish(request);
        if (!refused)
        {
            _viewBefore = _view;
            _pins.EndEpoch(_view);
            _view = [.. _disk.Select(disk => disk.Clone())];
        }

        _gateDecided = true;
        foreach (Request request in _underWay)
            Enter(request);
    }

    // Takes account of everything that has completed.
    private async Task SettleAsync()
    {
        if (_switch is { IsCompleted: true })
        {
            SwitchResult result = await _switch;
            _switch = null;
            if (result.Switched)
            {
                _viewBefore = null;
                Assert.Equal(++_epoch, result.Record.Epoch);
            }
            else
            {
                Assert.True(_failures, result.Reason);
                foreach (Request request in _underWay.Where(request => request.Waits))
                    Enter(request);
            }
        }

        foreach (Request request in _underWay.Where(request => request.Task.IsCompleted && !request.Waits).ToList())
            Finish(request);
    }

    private void Finish(Request request)
    {
        _underWay.Remove(request);
        if (request.Task.IsFaulted)
        {
            BlockException error = Assert.IsType<BlockException>(request.Task.Exception!.InnerException);
            Assert.True(_failures || error.Kind == BlockErrorKind.Shutdown, error.Message);
            return;
        }

        if (request.Kind == Kind.Read)
            request.Allowed!.Check(request.Buffer, request.Run.First, "a read");
        else
            (request.Kind == Kind.GuestWrite ? _view : _disk)[request.Run.Disk].Must(request.Run);
    }

    private async Task DrainAsync()
    {
        while (_schedule.Step())
            await SettleAsync();
        await SettleAsync();
        Assert.Empty(_underWay);
    }

    private async Task CheckKillAsync()
    {
        SimulatedGroup restarted = await _simulated.KilledAsync();
        ulong epoch = restarted.Group.Record!.Epoch;
        bool before = _viewBefore is not null && epoch == _epoch;
        Assert.Equal(_viewBefore is null || before ? _epoch : _epoch + 1, epoch);
        await CheckAsync(restarted, before ? _viewBefore! : _view, "after a kill");
    }

    // The view is as allowed, and a failover makes the disks just that, with every difference to the primary marked.
    private async Task CheckAsync(SimulatedGroup simulated, CellModel[] allowed, string when)
    {
        bool immediate = simulated == _simulated;
        _schedule.Immediate = immediate || _schedule.Immediate;
        byte[][] seen = [.. simulated.Disks.Select(_ => new byte[SimulatedGroup.LengthBytes])];
        for (int i = 0; i < DiskCount; i++)
        {
            seen[i].AsSpan().Fill(Poison.Value);
            await simulated.Group.Disks[i].Guest.ReadAsync(0, seen[i]);
            allowed[i].Check(seen[i], 0, $"disk{i} {when}, stage {simulated.Group.Stage}");
        }

        if (simulated.Group.Stage == NodeStage.Running)
            Assert.True((await simulated.Group.PromoteAsync(r => r with { GenerationNumber = 1 }, TestTimeouts.Patience)).Switched);
        if (simulated.Group.Stage != NodeStage.Done)
            Assert.Equal(CommitOutcome.Done, (await simulated.Group.CommitAsync()).Outcome);
        for (int i = 0; i < DiskCount; i++)
        {
            BlockAssert.Equal(seen[i], simulated.Disks[i].Snapshot());
            CheckDirt(simulated.Group.Disks[i], _disk[i], seen[i], when);
        }
    }

    // Invariant No lost dirt: where the promoted disk differs from what the primary has for certain, it is marked.
    private static void CheckDirt(SecondaryDisk disk, CellModel primary, ReadOnlySpan<byte> promoted, string when)
    {
        for (int cell = 0; cell < SimulatedGroup.Cells; cell++)
        {
            int tag = CellModel.TagOf(promoted.Slice(cell * SimulatedGroup.CellBytes, SimulatedGroup.CellBytes));
            if (primary[cell].Count == 1 && !primary[cell].Contains(tag) && !disk.Dirty!.Bits[cell * SimulatedGroup.CellBytes / SimulatedGroup.BlockBytes])
                Assert.Fail($"{disk.Name} {when}: cell {cell} differs from the primary and is not marked dirty");
        }
    }

    private enum Kind
    {
        GuestWrite,
        MirroredWrite,
        Read,
    }

    private sealed class Request(Kind kind, Run run)
    {
        public Kind Kind => kind;

        public Run Run => run;

        public byte[] Buffer { get; } = Poison.Buffer(kind == Kind.Read ? run.Count * SimulatedGroup.CellBytes : 0);

        public CellModel? Allowed { get; set; }

        public Task Task { get; set; } = Task.CompletedTask;

        /// <summary>At the gate, which a checkpoint has closed: it belongs to what comes after.</summary>
        public bool Waits { get; set; }
    }
}
