using Replication.Block;
using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Jobs;
using Replication.Simulation.Model;
using Replication.Simulation.Network;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Storage;

namespace Replication.Simulation.Cluster;

/// <summary>Two hosts, the network between them, their guests, and the models that say what each guest may see.</summary>
/// <remarks>One file a concern: this one builds the pair and serves its guests, Views follows the checkpoints, Checks compares.</remarks>
internal sealed partial class Pair
{
    private readonly Scheduler _scheduler;
    private readonly Action<string> _tell;
    private readonly List<MirrorConnection> _connections = [];
    private readonly List<GuestOperation> _inFlight = [];
    private int _lastProcess;
    private long _primaryBootedAt;
    private long _lastOperation;

    public Pair(Scheduler scheduler, PairSettings settings, Action<string> tell)
        : this(tell, scheduler, settings)
    {
        PrimaryModel = [.. Primary.Disks.Select((disk, i) => new ByteModel(FillPrimary(disk, i)))];
        for (int i = 0; i < Secondary.Disks.Length; i++)
            FillSecondary(Secondary.Disks[i], Primary.Disks[i]);
    }

    private Pair(Action<string> tell, Scheduler scheduler, PairSettings settings)
    {
        (_scheduler, Settings, _tell) = (scheduler, settings, tell);
        World = new SimulatedProcess(scheduler, ++_lastProcess, "world");
        Primary = new SimulatedHost("primary", NodeRole.Primary, scheduler, settings, () => ++_lastProcess, tell);
        Secondary = new SimulatedHost("secondary", NodeRole.Secondary, scheduler, settings, () => ++_lastProcess, tell);
        Primary.IdDrawn = Cut;
        Secondary.CommitBegins = CommitBegins;
        Secondary.CommitEnded = CommitEnded;
        Secondary.HoldAnswered = HoldAnswered;
        Secondary.Faults.WriteSeen = SecondaryWrites;
        PrimaryJobs = Watch(Primary);
        SecondaryJobs = Watch(Secondary);
        Primary.OpenFailed = e => OpenFailed(Primary, e);
        Secondary.OpenFailed = e => OpenFailed(Secondary, e);
    }

    public PairSettings Settings { get; }

    public SimulatedProcess World { get; }

    public SimulatedHost Primary { get; }

    public SimulatedHost Secondary { get; }

    /// <summary>What the backups and bitmaps of each must keep to.</summary>
    public JobChecker PrimaryJobs { get; }

    public JobChecker SecondaryJobs { get; }

    public Wire ToSecondary { get; } = new();

    public Wire ToPrimary { get; } = new();

    /// <summary>The operators' own network, which nothing cuts.</summary>
    public Wire Management { get; } = new();

    public IReadOnlyList<GuestOperation> InFlight => _inFlight;

    /// <summary>What the primary's guest may read.</summary>
    public ByteModel[] PrimaryModel { get; private init; } = [];

    /// <summary>The first thing that was wrong; thrown where it can be.</summary>
    public SimulationFailureException? Failure { get; private set; }

    public IReadOnlyList<MirrorConnection> Connections => _connections;

    public void Boot(SimulatedHost host)
    {
        if (host == Primary)
            _primaryBootedAt = _scheduler.Now;
        _tell($"{host.Name} boots");
        if (host == Primary)
            host.Boot(Secondary, ToSecondary, ToPrimary, _connections);
        else
            host.Boot(Primary, ToPrimary, ToSecondary, _connections);
    }

    public void Kill(SimulatedHost host)
    {
        _tell($"{host.Name} is killed");
        NoteTrouble();
        host.Kill();
    }

    public void Cut(Wire wire, string name)
    {
        _tell($"{name} is cut");
        HealthySince = long.MaxValue;
        NoteTrouble();
        wire.Cut();
    }

    public void Heal()
    {
        _tell("the network is healed");
        ToSecondary.Heal();
        ToPrimary.Heal();
        HealthySince = _scheduler.Now;
        NoteTrouble();
    }

    /// <summary>Since when every packet between the two has arrived; the far future while some do not.</summary>
    public long HealthySince { get; private set; }

    public void BreakConnections(bool half)
    {
        NoteTrouble();
        _tell(half ? "the mirror connections are half-closed" : "the mirror connections break");
        foreach (MirrorConnection connection in _connections)
        {
            if (half)
                connection.HalfClose();
            else
                connection.Break();
        }

        _connections.Clear();
    }

    /// <summary>Sends a request of the host's guest, where there is a node that could serve it.</summary>
    public GuestOperation? Issue(SimulatedHost host, BlockOperation kind, int disk, BlockRange range)
    {
        if (host.Serving is not { } node || host.IsEnding || host.Process is not { IsAlive: true } process)
            return null;
        BlockNode export = node.GuestExports.Find($"disk{disk}")!.Node;
        long id = ++_lastOperation;
        var operation = new GuestOperation
        {
            Id = id,
            Host = host,
            Disk = disk,
            Kind = kind,
            Range = range,
            IssuedAt = _scheduler.Now,
            PeerFlushes = kind == BlockOperation.Flush && host == Primary && Settings.Acknowledge == Acknowledge.Applied
                && PrimaryStatus is { Stage: NodeStage.Replicating } ? Secondary.Disks[disk].Flushes : -1,
            Bytes = kind == BlockOperation.Write ? Stamp.Bytes(id, range.OffsetBytes, (int)range.LengthBytes)
                : kind is BlockOperation.WriteZeroes or BlockOperation.Discard ? new byte[range.LengthBytes] : null,
        };
        _tell($"> {operation}");
        Begin(operation);
        _inFlight.Add(operation);
        process.Run(() => ServeAsync(export, operation, _scheduler.Random.Next(8) == 0 ? WriteFlags.Fua : WriteFlags.None), e => Fail($"{operation}: {e}"));
        return operation;
    }

    public SimulationFailureException Fail(string message)
    {
        _tell($"FAILED: {message}");
        return Failure ??= new SimulationFailureException(message);
    }

    private async Task ServeAsync(BlockNode export, GuestOperation operation, WriteFlags flags)
    {
        operation.Flags = flags;
        byte[] buffer = operation.Kind switch
        {
            BlockOperation.Write => [.. operation.Bytes!],
            BlockOperation.Read => Poison(operation.Range.LengthBytes),
            _ => [],
        };
        BlockException? failure = null;
        try
        {
            await (operation.Kind switch
            {
                BlockOperation.Read => export.ReadAsync(operation.Range.OffsetBytes, buffer),
                BlockOperation.Write => export.WriteAsync(operation.Range.OffsetBytes, buffer, flags),
                BlockOperation.WriteZeroes => export.WriteZeroesAsync(operation.Range, flags),
                BlockOperation.Discard => export.DiscardAsync(operation.Range, flags),
                _ => export.FlushAsync(),
            });
        }
        catch (BlockException e)
        {
            failure = e;
        }

        _inFlight.Remove(operation);
        _scheduler.Trace(operation.Id);
        _scheduler.Trace(failure is null ? 1 : 0);
        _tell($"< {operation}{(failure is null ? "" : $": {failure.Message}")}");
        End(operation, buffer, failure);
        // The buffer is the guest's again, which writes into it what it likes.
        if (operation.Kind == BlockOperation.Write)
            Array.Fill(buffer, (byte)0xEE);
    }

    private void Begin(GuestOperation operation)
    {
        IEnumerable<(ByteModel Model, bool IsCertain)> models = operation.Host == Primary
            ? [(PrimaryModel[operation.Disk], true)]
            : _views.Select(view => (view.Disks[operation.Disk], view.IsInForce));
        foreach ((ByteModel model, bool isCertain) in models)
        {
            if (operation.Bytes is { } bytes)
                operation.Writes.Add((model, model.BeginWrite(operation.Range, bytes), isCertain));
            else if (operation.Kind == BlockOperation.Read)
                operation.Reads.Add((model, model.BeginRead(operation.Range)));
            else if (operation.Kind == BlockOperation.Flush)
                operation.Flushes.Add((model, model.BeginFlush()));
        }
    }

    // The process is gone, and with it every answer.
    private void Forget(SimulatedHost host)
    {
        foreach (GuestOperation operation in _inFlight.Where(operation => operation.Host == host).ToArray())
        {
            _inFlight.Remove(operation);
            foreach ((ByteModel model, ByteModel.Alternative write, _) in operation.Writes)
                model.Doubt(write);
            foreach ((ByteModel model, ByteModel.Reading reading) in operation.Reads)
                model.Forget(reading);
            foreach ((ByteModel model, ByteModel? safe) in operation.Flushes)
                model.EndFlush(safe, succeeded: false);
        }

        if (host == Secondary)
            CommitsAreOver();
    }

    // A node that cannot read its storage, or write to it, does not begin.
    private void OpenFailed(SimulatedHost host, Exception failure)
    {
        if (!host.HasFailed || failure is not IOException)
        {
            Fail($"{host.Name} cannot be opened, or ended: {failure}");
            return;
        }

        _tell($"{host.Name} cannot be opened, or ended: {failure.Message}");
        _scheduler.Post(World, () => Kill(host));
    }

    private JobChecker Watch(SimulatedHost host)
    {
        var checker = new JobChecker(this, host);
        (host.JobStatusChanged, host.JobConcluded) = (checker.StatusChanged, checker.Concluded);
        host.Killed = () =>
        {
            checker.AtKilled();
            // One that has ended in order has left nobody waiting, unless somebody held its guest while it ended.
            Forget(host);
        };
        return checker;
    }

    private byte[] FillPrimary(Medium disk, int number)
    {
        // Half of it holds data, the rest is a hole.
        int filled = (int)disk.LengthBytes / 2 / Medium.SectorBytes * Medium.SectorBytes;
        disk.Write(0, Stamp.Bytes(-1 - number, 0, filled));
        return [.. disk.Content];
    }

    private void FillSecondary(Medium disk, Medium primary)
    {
        byte[] other = new byte[disk.LengthBytes];
        if (Settings.DisksAreEqual)
            primary.Content.CopyTo(other, 0);
        else if (_scheduler.Random.Next(2) == 0)
            Array.Fill(other, (byte)0x77);
        disk.Write(0, other);
    }

    private static byte[] Poison(long lengthBytes)
    {
        byte[] buffer = new byte[lengthBytes];
        Array.Fill(buffer, (byte)0xDB);
        return buffer;
    }
}
