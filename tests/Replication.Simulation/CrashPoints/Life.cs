using Replication.Block;
using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Cluster;
using Replication.Simulation.Model;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Storage;
using Replication.Simulation.Workload;

namespace Replication.Simulation.CrashPoints;

/// <summary>A pair that lives through a script without any trouble of its own, small enough to be looked at again and again.</summary>
internal sealed class Life
{
    private static readonly long s_patience = TimeSpan.FromSeconds(60).Ticks;

    private readonly LifeScript _script;
    private readonly Random _random;
    private readonly Queue<string> _story = new();
    private readonly Controller _controller;
    private Action _afterStep = () => { };

    public Life(LifeScript script, Crash crash)
    {
        _script = script;
        _random = new Random(script.Seed);
        Scheduler = new Scheduler(_random, ScheduleProfile.Draw(_random));
        var settings = new PairSettings
        {
            DiskBytes = script.DiskBytes,
            BlockBytes = script.BlockBytes,
            Acknowledge = script.Seed % 2 == 0 ? Acknowledge.Applied : Acknowledge.Local,
            Deadline = TimeSpan.FromMilliseconds(500),
            WindowBytes = 64 << 20,
            Resync = ResyncPolicy.Auto,
            ResyncRate = 0,
            OverlayLimitBytes = PairSettings.AmpleOverlayBytes,
            DisksAreEqual = false,
            // Several requests are under way most of the time, and none of them for long.
            Storage = new MediumProfile(0.3, Scheduler.Ticks(0.5), Scheduler.Ticks(4), Scheduler.Ticks(4), MediumProfile.SlowShare),
            Durability = crash == Crash.Power ? Durability.Power : Durability.Process,
        };
        Pair = new Pair(Scheduler, settings, Tell) { FailuresAreExpected = true };
        if (crash != Crash.Kill)
            Pair.KeepUnflushed();
        _controller = new Controller(Pair, Tell);
    }

    public Scheduler Scheduler { get; }

    public Pair Pair { get; }

    /// <summary>The last of what has happened.</summary>
    public IEnumerable<string> Story => _story;

    /// <param name="afterStep">Called between the steps, outside of everything that runs.</param>
    public void Play(Action afterStep)
    {
        _afterStep = afterStep;
        Pair.Boot(Pair.Primary);
        Pair.Boot(Pair.Secondary);
        Pass(500);
        _script.Play(this);
        Settle();
        _afterStep();
    }

    public void Start(SyncMode sync) => _controller.Start(sync);

    public void Checkpoint() => _controller.Checkpoint(CheckpointPlan.Plain);

    public void Stop() => _controller.Stop();

    public void Failover() => _controller.Failover(Pair.Secondary, force: true);

    public void Repair() => _controller.Verify(repair: true, () => Pair.IsRotten = false);

    public void BreakConnections() => Pair.BreakConnections(half: false);

    /// <summary>Some bytes of the secondary's first disk change, and no node knows.</summary>
    public void Rot()
    {
        (Pair.IsRotten, Pair.RotMayBeHealed) = (true, true);
        Pair.Rot(0, Pair.Settings.BlockBytes * 2, Stamp.Bytes(-77, 0, 700));
    }

    /// <summary>The first disk of the primary's guest is zeroed from its second block on.</summary>
    public void ZeroMuch() =>
        Pair.Issue(Pair.Primary, BlockOperation.WriteZeroes, 0, BlockRange.FromBounds(Pair.Settings.BlockBytes, Pair.Settings.DiskBytes[0]));

    public void WritePrimary(int times) => Write(times, Pair.Primary);

    public void WriteBoth(int times) => Write(times, Pair.Primary, Pair.Secondary);

    public void WriteSecondary(int times) => Write(times, Pair.Secondary);

    public void FlushBoth()
    {
        for (int disk = 0; disk < Pair.Settings.DiskBytes.Length; disk++)
        {
            Pair.Issue(Pair.Primary, BlockOperation.Flush, disk, default);
            Pair.Issue(Pair.Secondary, BlockOperation.Flush, disk, default);
        }

        Advance(12);
    }

    /// <summary>The script has come to where it means to be: a life that stays behind would show little.</summary>
    public void MustBe(NodeStage primary, NodeStage secondary, bool isRotten = false)
    {
        Settle();
        NodeStage? ours = Pair.Primary.Serving?.GetStatus().Stage;
        NodeStage? theirs = Pair.Secondary.Serving?.GetStatus().Stage;
        if (ours != primary || theirs != secondary || Pair.IsRotten != isRotten)
            throw Pair.Fail($"the life of {_script.Name} has not come to where it was to: the primary is {ours}, the secondary {theirs}");
        _afterStep();
    }

    /// <summary>A little of what is under way happens.</summary>
    public void Advance(int events)
    {
        long until = Scheduler.Now + Scheduler.Ticks(10);
        for (int i = 0; i < events && Scheduler.Step(until); i++)
        {
        }

        Look();
        _afterStep();
    }

    public void Pass(int milliseconds)
    {
        Scheduler.RunFor(Scheduler.Ticks(milliseconds));
        Look();
    }

    /// <summary>Everything that is under way comes to its end.</summary>
    public void Settle()
    {
        for (long until = Scheduler.Now + s_patience; Pair.InFlight.Count > 0 || _controller.UnderWay.Count > 0; Pass(20))
        {
            if (Scheduler.Now > until)
                throw Pair.Fail($"the life does not go on: {string.Join(", ", _controller.UnderWay)}");
        }

        Pass(300);
    }

    private void Write(int times, params ReadOnlySpan<SimulatedHost> hosts)
    {
        for (int i = 0; i < times; i++)
        {
            foreach (SimulatedHost host in hosts)
                WriteOne(host);
            Advance(_random.Next(20));
        }
    }

    private void WriteOne(SimulatedHost host)
    {
        int disk = _random.Next(Pair.Settings.DiskBytes.Length);
        BlockOperation kind = _random.Next(8) switch { 0 => BlockOperation.WriteZeroes, 1 => BlockOperation.Discard, _ => BlockOperation.Write };
        long length = Pair.Settings.DiskBytes[disk];
        int block = Pair.Settings.BlockBytes;
        long first = _random.NextInt64(length);
        // Whole blocks, sectors, any bytes.
        int unit = _random.Next(3) switch { 0 => block, 1 => 512, _ => 1 };
        first -= first % unit;
        long bytes = Math.Min(length - first, unit == 1 ? _random.Next(1, 2 * block) : unit * _random.Next(1, 2 * block / Math.Max(unit, 512) + 1));
        Pair.Issue(host, kind, disk, new BlockRange(first, bytes));
    }

    private void Look()
    {
        Pair.Observe();
        Pair.CheckPrimaryDisks();
        Pair.CheckMarks();
    }

    private void Tell(string line)
    {
        _story.Enqueue(line);
        if (_story.Count > 100)
            _story.Dequeue();
    }
}
