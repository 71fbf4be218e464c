namespace Replication.Roles.Tests.Mirror;

/// <summary>One thread for everything: what is posted runs when the test says so, in order.</summary>
internal sealed class PumpContext : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();

    public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

    /// <summary>Runs a test's body to its end on this thread.</summary>
    public static void Run(Func<PumpContext, Task> body)
    {
        SynchronizationContext? before = Current;
        var pump = new PumpContext();
        SetSynchronizationContext(pump);
        try
        {
            Task task = body(pump);
            pump.Pump();
            Assert.True(task.IsCompleted, "nothing is left to do, and the test waits");
            task.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    /// <summary>Runs what has been posted, and what that posts.</summary>
    public void Pump()
    {
        while (_posted.TryDequeue(out (SendOrPostCallback Callback, object? State) next))
            next.Callback(next.State);
    }
}
