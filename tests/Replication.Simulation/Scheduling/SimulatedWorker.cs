using Replication.Block;

namespace Replication.Simulation.Scheduling;

/// <summary>A background worker of a process: its pieces begin one after the other, when the scheduler says.</summary>
internal sealed class SimulatedWorker(SimulatedProcess process) : IBackgroundWorker
{
    private readonly Queue<Func<ValueTask>> _work = new();
    private bool _scheduled;

    public void Post(Func<ValueTask> work)
    {
        _work.Enqueue(work);
        Schedule();
    }

    private void Schedule()
    {
        if (_scheduled)
            return;
        _scheduled = true;
        process.Scheduler.Post(process, Next);
    }

    private void Next()
    {
        _scheduled = false;
        Func<ValueTask> work = _work.Dequeue();
        if (_work.Count > 0)
            Schedule();
        _ = RunAsync(work);
    }

    private static async Task RunAsync(Func<ValueTask> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is not SimulatedProcessEndException)
        {
            Invariant.Broken("background work handles its own failures", e);
        }
    }
}
