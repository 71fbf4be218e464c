using System.Diagnostics;
using System.Globalization;
using Replication.Block;
using Replication.Controller.CommandLine;
using Replication.Controller.Drill.Checks;
using Replication.Controller.Drill.Guests;
using Replication.Controller.Drill.Model;
using Replication.Controller.Drill.Pair;
using Replication.Controller.Drill.Scenarios;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill;

/// <summary>One drill under way: the pair, the model of its bytes, the two guests, and what has been measured so far.</summary>
internal sealed class DrillRun(IScenario scenario, DrillOptions options, IDrillPair pair, Action<DrillPhase> onPhase) : IAsyncDisposable
{
    private readonly List<BlockNode> _connections = [];
    private readonly List<DrillPhase> _phases = [];
    private readonly List<CheckpointResult> _checkpoints = [];
    private readonly List<Guest> _guests = [];
    private GroupModel? _model;
    private int _failedInARow;

    public DrillOptions Options => options;
    public IDrillPair Pair => pair;
    public IReadOnlyList<DrillPhase> Phases => _phases;

    /// <summary>Those that were taken.</summary>
    public IReadOnlyList<CheckpointResult> Checkpoints => _checkpoints;

    public int FailedCheckpoints { get; private set; }
    public double? RtoMs { get; set; }
    public long? RpoBytes { get; set; }

    /// <summary>The longest write of the primary's guest in an outage; null without one.</summary>
    public double? LongestWriteMs { get; set; }

    /// <summary>What resyncs have carried; null without one.</summary>
    public long? SyncedBytes { get; set; }

    /// <summary>All guests there have been: a node that was killed gets a new one.</summary>
    public IReadOnlyList<Guest> Guests => _guests;

    public Guest? PrimaryGuest { get; private set; }
    public Guest? SecondaryGuest { get; private set; }
    public GroupModel Model => _model ?? throw new InvalidOperationException("the drill has not begun");

    /// <summary>Runs one step and puts it into the report; its result is the detail.</summary>
    public async Task PhaseAsync(string name, Func<Task<string>> body)
    {
        long began = Stopwatch.GetTimestamp();
        string detail = "";
        bool passed = false;
        try
        {
            detail = await body();
            passed = true;
        }
        catch (Exception e)
        {
            detail = e.Message;
            throw;
        }
        finally
        {
            var phase = new DrillPhase(scenario.Name, name, Stopwatch.GetElapsedTime(began).TotalMilliseconds, detail, passed);
            _phases.Add(phase);
            onPhase(phase);
        }
    }

    /// <summary>Starts the pair, and both guests on it.</summary>
    public async Task<string> BeginAsync(CancellationToken cancellationToken)
    {
        byte[][] contents = [.. Enumerable.Range(0, options.Disks).Select(d => FirstContent.Create(options.Seed, d, options.SizeBytes))];
        await pair.StartAsync(contents, cancellationToken);
        _model = new GroupModel(contents);
        PrimaryGuest = await CreateGuestAsync(NodeSide.Primary, Limits.PrimaryLanes, cancellationToken);
        SecondaryGuest = await CreateGuestAsync(NodeSide.Secondary, Limits.SecondaryLanes, cancellationToken);
        PrimaryGuest.Start();
        SecondaryGuest.Start();
        return $"{options.Disks} disks of {SizeText.Format(options.SizeBytes)} in replication";
    }

    /// <summary>The secondary's VM starts again, on a node that has begun another life. The old one was at rest.</summary>
    public async Task ReplaceSecondaryGuestAsync(CancellationToken cancellationToken)
    {
        await SecondaryGuest!.StopAsync(cancellationToken);
        SecondaryGuest.ThrowIfFailed();
        SecondaryGuest = await CreateGuestAsync(NodeSide.Secondary, Limits.SecondaryLanes, cancellationToken);
        SecondaryGuest.Start();
    }

    public async Task<IReadOnlyList<BlockNode>> ConnectAllAsync(NodeSide side, CancellationToken cancellationToken)
    {
        var disks = new List<BlockNode>();
        for (int disk = 0; disk < options.Disks; disk++)
            disks.Add(await ConnectAsync(side, disk, cancellationToken));
        return disks;
    }

    public async Task<BlockNode> ConnectAsync(NodeSide side, int disk, CancellationToken cancellationToken)
    {
        BlockNode connection = await pair.ConnectAsync(side, disk, cancellationToken);
        _connections.Add(connection);
        return connection;
    }

    /// <summary>Takes a checkpoint under the guests, and tells the model how it ended.</summary>
    public async Task CheckpointAsync(CancellationToken cancellationToken)
    {
        ulong before = await pair.GetSecondaryEpochAsync(cancellationToken);
        Model.AnnounceCheckpoint();
        while (!Model.TryActivateCheckpoint())
            await Task.Delay(1, cancellationToken);
        bool committed;
        CliException? failure = null;
        try
        {
            CheckpointResult taken = await pair.CheckpointAsync(cancellationToken);
            if (taken.Epoch != before + 1)
                throw new DrillException($"a checkpoint began epoch {taken.Epoch} after epoch {before}");
            _checkpoints.Add(taken);
            committed = true;
        }
        catch (CliException e)
        {
            failure = e;
            ulong after = await pair.GetSecondaryEpochAsync(cancellationToken);
            committed = after == before + 1;
        }

        if (Model.EndCheckpoint(committed) is { } mismatch)
            throw new DrillException($"a read that met a checkpoint saw neither the view before it nor the view after it: {mismatch}");
        Count(failure);
        ThrowIfGuestsFailed();
    }

    /// <summary>Compares all that a guest sees. Returns the number of bytes compared.</summary>
    public async Task<long> CompareAsync(NodeSide guest, CancellationToken cancellationToken)
    {
        IReadOnlyList<BlockNode> disks = await ConnectAllAsync(guest, cancellationToken);
        Mismatch? found = await new Checker(Model).CompareAsync(guest, disks, cancellationToken);
        if (guest == NodeSide.Secondary && RpoBytes is { } lost)
            RpoBytes = lost + (found?.DifferingBytes ?? 0);
        if (found is not null)
            throw new DrillException($"the {(guest == NodeSide.Primary ? "primary" : "secondary")}'s export is wrong: {found}");
        if (guest == NodeSide.Secondary && Model.CheckCut() is { } order)
            throw new DrillException(order);
        return options.Disks * options.SizeBytes;
    }

    /// <summary>Compares the disks themselves with what their guest must see. Returns the number of bytes compared.</summary>
    public long CompareImages(NodeSide side, NodeSide guest)
    {
        var checker = new Checker(Model);
        for (int disk = 0; disk < options.Disks; disk++)
        {
            using Stream image = pair.OpenImage(side, disk);
            if (checker.CompareImage(guest, disk, image) is { } found)
                throw new DrillException($"the {(side == NodeSide.Primary ? "primary" : "secondary")}'s disk itself is wrong: {found}");
        }

        return options.Disks * options.SizeBytes;
    }

    /// <summary>Both guests at rest: a last checkpoint, then everything is compared, and both disks are equal (Replica).</summary>
    public async Task<string> QuiesceAndCompareAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(PrimaryGuest!.PauseAsync(cancellationToken), SecondaryGuest!.PauseAsync(cancellationToken));
        await CheckpointAsync(cancellationToken);
        long compared = await CompareAsync(NodeSide.Primary, cancellationToken);
        compared += await CompareAsync(NodeSide.Secondary, cancellationToken);
        compared += CompareImages(NodeSide.Primary, NodeSide.Primary);
        compared += CompareImages(NodeSide.Secondary, NodeSide.Primary);
        return $"{SizeText.Format(compared)} equal: both exports, both disks";
    }

    public void ThrowIfGuestsFailed()
    {
        PrimaryGuest?.ThrowIfFailed();
        SecondaryGuest?.ThrowIfFailed();
    }

    public async ValueTask DisposeAsync()
    {
        // What a failed run leaves in flight fails with its connection.
        foreach (Guest guest in _guests)
            guest.Stop();
        foreach (BlockNode connection in _connections)
            await connection.DisposeAsync();
        await pair.DisposeAsync();
    }

    private async Task<Guest> CreateGuestAsync(NodeSide side, int lanes, CancellationToken cancellationToken)
    {
        // Of one seed, and another stream for each guest.
        var guest = new Guest(side, Model, await ConnectAllAsync(side, cancellationToken), options.Seed + (ulong)_guests.Count, lanes);
        _guests.Add(guest);
        return guest;
    }

    private void Count(CliException? failure)
    {
        if (failure is null)
        {
            _failedInARow = 0;
            return;
        }

        FailedCheckpoints++;
        if (++_failedInARow >= Limits.FailedCheckpoints)
        {
            throw new DrillException(
                string.Create(CultureInfo.InvariantCulture, $"{_failedInARow} checkpoints in a row failed, the last one: {failure.Message}"), failure);
        }
    }
}
