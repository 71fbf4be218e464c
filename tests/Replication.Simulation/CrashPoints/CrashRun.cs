using System.Globalization;
using Replication.Block;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.CrashPoints;

/// <summary>One life of a pair, and at each point of it every way in which a crash may leave a machine.</summary>
/// <remarks>
/// The life is played once. At a point it stands still, in the middle of whatever it is doing: machines are made of what is on its media, outcome by outcome,
/// and what is known of its guests goes with them. Both processes end there. The outcomes are those of the host whose write it was; the
/// other one's requests are carried out, or are drawn, and now and then it loses power as well.
/// </remarks>
internal sealed class CrashRun
{
    private const int StoryLines = 250;

    private readonly CrashPlan _plan;
    private readonly Func<string, Exception?, Exception> _endOfLife;
    private readonly HashSet<ulong> _seen = [];
    private readonly Life _life;
    private SimulationFailureException? _failure;
    private bool _exploring;

    public CrashRun(CrashPlan plan)
    {
        _plan = plan;
        _life = new Life(plan.Life, plan.Crash);
        _endOfLife = (message, cause) => _life.Scheduler.Running is { } process ? process.End(message, cause) : new SimulationFailureException(message);
    }

    /// <summary>
    /// Points passed; points at which a crash was tried; outcomes that were open there, as far as they can
    /// be counted; outcomes tried; of those, not the same as another.
    /// </summary>
    public (int Passed, int Points, double Open, int Tried, int Distinct) Counts { get; private set; }

    /// <exception cref="SimulationFailureException">What was seen, its story, and the command that replays it.</exception>
    public void Run()
    {
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        ProcessEnd.Replace(_endOfLife);
        try
        {
            foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_life.Pair.Primary, _life.Pair.Secondary])
                host.Faults.Watcher = () => AtPoint(host);
            _life.Play(AfterStep);
        }
        finally
        {
            ProcessEnd.Replace(null);
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    // What was found inside of the life's own code is thrown outside of it.
    private void AfterStep()
    {
        if (_failure is { } failure)
            throw failure;
        AtPoint(_life.Pair.Primary);
        AtPoint(_life.Pair.Secondary);
        if (_failure is { } found)
            throw found;
    }

    private void AtPoint(SimulatedHost victim)
    {
        if (_failure is not null || _exploring)
            return;
        int point = Counts.Passed + 1;
        Counts = Counts with { Passed = point };
        if (!_plan.Includes(point))
            return;
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        _exploring = true;
        try
        {
            Counts = Counts with { Points = Counts.Points + 1 };
            Explore(victim, point);
        }
        catch (SimulationFailureException e)
        {
            _failure = e;
        }
        finally
        {
            _exploring = false;
            ProcessEnd.Replace(_endOfLife);
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private void Explore(SimulatedHost victim, int point)
    {
        bool losesPower = _plan.Crash != Crash.Kill;
        var image = new CrashImage(victim, losesPower);
        SimulatedHost other = victim == _life.Pair.Primary ? _life.Pair.Secondary : _life.Pair.Primary;
        var survivor = new CrashImage(other, losesPower: false);
        CrashImage? alsoLost = losesPower ? new CrashImage(other, losesPower: true) : null;
        double open = 1;
        foreach (Choice choice in image.Choices)
            open *= choice.Options;
        Counts = Counts with { Open = Counts.Open + open };
        int number = 0;
        foreach (int[] outcome in Outcomes.Of(image.Choices, _plan.Exhaustive, _plan.Sampled, new Random(Seed(point, 0))))
        {
            number++;
            if (_plan.Outcome is { } only && only != number)
                continue;
            var random = new Random(Seed(point, number));
            bool bothLose = alsoLost is not null && number % 3 == 0;
            CrashImage others = bothLose ? alsoLost! : survivor;
            int[] othersOutcome = number % 2 == 1 ? Outcomes.All(others.Choices) : Outcomes.Draw(others.Choices, random);
            Try(new Outcome(point, number, victim, image, outcome, others, othersOutcome, bothLose), random);
        }
    }

    private void Try(Outcome outcome, Random random)
    {
        Counts = Counts with { Tried = Counts.Tried + 1 };
        var story = new Queue<string>();
        var scheduler = new Scheduler(random, ScheduleProfile.Draw(random));
        bool losesPower = _plan.Crash != Crash.Kill;
        bool isPrimary = outcome.Victim == _life.Pair.Primary;
        Pair pair = _life.Pair.Fork(scheduler, Tell, losesPower && (isPrimary || outcome.BothLose), losesPower && (!isPrimary || outcome.BothLose));
        pair.MayBeInconsistent = _plan.Crash == Crash.Reboot;
        var digest = new Digest();
        outcome.Image.Restore(isPrimary ? pair.Primary : pair.Secondary, outcome.Choices, digest);
        outcome.OthersImage.Restore(isPrimary ? pair.Secondary : pair.Primary, outcome.OthersChoices, digest);
        digest.Add((ulong)outcome.Point);
        if (!_seen.Add(digest.Value) && _plan.Outcome is null)
            return;
        Counts = Counts with { Distinct = Counts.Distinct + 1 };
        ProcessEnd.Replace((message, cause) => scheduler.Running is { } process ? process.End(message, cause) : new SimulationFailureException(message));
        try
        {
            new Recovery(pair, scheduler, Tell).Run(promotes: outcome.Number % 4 is 1 or 2);
        }
        catch (SimulationFailureException e)
        {
            throw new SimulationFailureException(string.Create(CultureInfo.InvariantCulture,
                $"{e.Message}\n\n{string.Join('\n', _life.Story)}\n*** the {outcome.Victim.Name} crashes{(outcome.BothLose ? ", and the other one too" : "")} "
                + $"***\n{string.Join('\n', story)}\n\n{outcome.Describe()}\nagain with: ./dev crash-point {_plan.Life.Name} "
                + $"{_plan.Crash} {outcome.Point} {outcome.Number}"));
        }

        void Tell(string line)
        {
            _plan.Listener?.Invoke(line);
            story.Enqueue(line);
            if (story.Count > StoryLines)
                story.Dequeue();
        }
    }

    private int Seed(int point, int outcome) => ((_plan.Life.Seed * 31 + (int)_plan.Crash) * 100_003 + point) * 1009 + outcome;

    private sealed record Outcome(
        int Point, int Number, SimulatedHost Victim, CrashImage Image, int[] Choices, CrashImage OthersImage, int[] OthersChoices, bool BothLose)
    {
        public string Describe() => $"of the {Victim.Name}: {Image.Describe(Choices)}\nof the other one: {OthersImage.Describe(OthersChoices)}";
    }
}
