using System.Globalization;
using Replication.Block;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Workload;

namespace Replication.Simulation;

/// <summary>A run: one seed, a number of steps, as many pairs one after the other as that takes.</summary>
internal sealed class SimulationRun
{
    private const int StoryLines = 400;

    private readonly Queue<string> _story = new();
    private readonly Random _random;
    private Scheduler? _scheduler;
    private ulong _hash;

    public SimulationRun(int seed)
    {
        Seed = seed;
        _random = new Random(seed);
    }

    public int Seed { get; }

    public int Steps { get; private set; }

    public long Events { get; private set; }

    public int Episodes { get; private set; }

    /// <summary>Equal for equal seeds and steps.</summary>
    public ulong TraceHash => _hash;

    /// <summary>Told every line of the story; null: only the last ones are kept, for a failure.</summary>
    public Action<string>? Listener { get; init; }

    /// <exception cref="SimulationFailureException">What was seen, the story's end, and the command that replays it.</exception>
    public void Run(int steps)
    {
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        ProcessEnd.Replace(EndCurrent);
        try
        {
            while (Steps < steps)
                RunEpisode(steps);
        }
        catch (SimulationFailureException e)
        {
            throw new SimulationFailureException(string.Create(CultureInfo.InvariantCulture,
                $"{e.Message}\n\nThe last of what happened:\n{string.Join('\n', _story)}\n\nstep {Steps}; again with: ./dev simulate --seed "
                + $"{Seed} --steps {Math.Max(steps, Steps)}"));
        }
        finally
        {
            ProcessEnd.Replace(null);
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private void RunEpisode(int steps)
    {
        var scheduler = _scheduler = new Scheduler(_random, ScheduleProfile.Draw(_random));
        Episodes++;
        var episode = new Episode(scheduler, Tell);
        int length = _random.Next(100, 600);
        while (Steps < steps && episode.Steps < length && !episode.IsOver)
        {
            Steps++;
            episode.Step();
        }

        episode.Finish();
        Events += scheduler.Executed;
        _hash = (_hash * 31) ^ scheduler.TraceHash;
    }

    private Exception EndCurrent(string message, Exception? cause) =>
        _scheduler?.Running is { } process ? process.End(message, cause) : new SimulationFailureException($"{message}: {cause}");

    private void Tell(string line)
    {
        string told = string.Create(CultureInfo.InvariantCulture, $"{Steps,6} {_scheduler!.Now / 10_000.0,12:0.000} ms  {line}");
        _scheduler.Trace(line.Length);
        Listener?.Invoke(told);
        _story.Enqueue(told);
        if (_story.Count > StoryLines)
            _story.Dequeue();
    }
}
