using System.Diagnostics;

namespace Replication.Block;

/// <summary>Something that gathers bytes and can send them in one system call.</summary>
public interface IBatchSink
{
    /// <summary>Sends what has been gathered. Never blocks, never throws: trouble ends the connection and is seen by its reader.</summary>
    void Flush();
}

/// <summary>
/// A stretch of work on one thread, at whose end everything that was gathered goes out: one system call for many requests or replies.
/// </summary>
/// <remarks>
/// A receive loop opens a batch around the requests (or replies) that one receive brought. Inside it, sinks register with <see cref="Defer"/>
/// and continuations that a lock or a reply released go through <see cref="Post(Action)"/>; both run when the outermost batch of this thread ends:
/// continuations first, in order (so releasing a lock never runs the waiter's code inside the releaser's, and a chain of waiters needs no stack),
/// then the sinks, once each, in the order in which they registered. Outside of a batch both act at once, in a batch of their own. One thread's batch is
/// nobody else's business: the same code runs under a single-threaded simulator.
/// </remarks>
public static class IoBatch
{
    [ThreadStatic]
    private static State? t_state;

    private static State Current => t_state ??= new State();

    /// <summary>Opens a batch; dispose it on the same thread. Nested batches end with the outermost.</summary>
    public static Scope Enter()
    {
        Current.Depth++;
        return default;
    }

    /// <summary>Flushes <paramref name="sink"/> once when the batch ends, or now where there is none.</summary>
    public static void Defer(IBatchSink sink)
    {
        State state = Current;
        if (state.Depth == 0)
            sink.Flush();
        else if (!state.Sinks.Contains(sink))
            state.Sinks.Add(sink);
    }

    /// <summary>Runs <paramref name="continuation"/> when the batch ends, or now where there is none. It must not throw.</summary>
    public static void Post(Action continuation)
    {
        using (Enter())
            Current.Ready.Enqueue(continuation);
    }

    private static void Exit()
    {
        State state = Current;
        Debug.Assert(state.Depth > 0);
        try
        {
            if (state.Depth == 1)
                state.Drain();
        }
        finally
        {
            state.Depth--;
        }
    }

    /// <summary>Ends the batch when disposed.</summary>
    public readonly ref struct Scope
    {
        public void Dispose() => Exit();
    }

    private sealed class State
    {
        public int Depth;
        public readonly List<IBatchSink?> Sinks = [];
        public readonly Queue<Action> Ready = new();

        public void Drain()
        {
            while (true)
            {
                while (Ready.TryDequeue(out Action? continuation))
                    continuation();
                if (Sinks.Count == 0)
                    return;
                // A sink that registers again while others flush is found absent, and so comes again.
                for (int i = 0; i < Sinks.Count; i++)
                {
                    IBatchSink sink = Sinks[i]!;
                    Sinks[i] = null;
                    sink.Flush();
                }

                Sinks.Clear();
            }
        }
    }
}
