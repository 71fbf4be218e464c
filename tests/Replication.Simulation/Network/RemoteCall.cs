using Replication.Roles;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Network;

/// <summary>
/// One call to a node's control endpoint: a message there, a message back. Calls may pass each other, and one that is given up may still be carried out.
/// </summary>
internal static class RemoteCall
{
    private static readonly TimeSpan s_answerWithin = TimeSpan.FromSeconds(20);

    public static async Task<T> InvokeAsync<T>(
        SimulatedProcess caller, SimulatedHost callee, (Wire There, Wire Back) wires, Func<GroupNode, Task<T>> call, TimeSpan? within,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var limit = new CancellationTokenSource(within ?? s_answerWithin, caller.Time);
        using CancellationTokenRegistration expiry = cancellationToken.Register(limit.Cancel);
        var reply = new TaskCompletionSource<T>();
        using CancellationTokenRegistration giveUp = limit.Token.Register(() => reply.TrySetException(
            cancellationToken.IsCancellationRequested ? new OperationCanceledException(cancellationToken)
                : new VerbException(VerbFailure.Unreachable, $"{callee.Name} does not answer")));
        Send(wires.There, callee.Kernel, () => Arrive(caller, callee, wires.Back, call, reply));
        return await reply.Task;
    }

    private static void Arrive<T>(SimulatedProcess caller, SimulatedHost callee, Wire back, Func<GroupNode, Task<T>> call, TaskCompletionSource<T> reply)
    {
        if (callee.Serving is not { } node || callee.Process is not { IsAlive: true } process)
        {
            Fail(new VerbException(VerbFailure.Unreachable, $"{callee.Name} refuses the connection"));
            return;
        }

        // A caller that gives up resets the call: one that nobody has taken up yet may still be, or not.
        bool mayBeDropped = callee.Scheduler.Random.Next(2) == 0;
        bool answered = false;
        process.AtEnd(() =>
        {
            if (!answered)
                Fail(new VerbException(VerbFailure.Unreachable, $"{callee.Name} has hung up"));
        });
        process.Run(
            async () =>
            {
                if (mayBeDropped && reply.Task.IsCompleted)
                    return;
                T result = await call(node);
                answered = true;
                Send(back, caller, () => reply.TrySetResult(result));
            },
            e =>
            {
                answered = true;
                Fail(e switch
                {
                    VerbException verb => new VerbException(verb.Failure, verb.Message),
                    IOException => new VerbException(VerbFailure.Failed, e.Message, e),
                    _ => new SimulationFailureException($"{callee.Name}: a verb has thrown what no verb may throw: {e}"),
                });
            });

        void Fail(Exception e) => Send(back, caller, () => reply.TrySetException(e));
    }

    private static void Send(Wire wire, SimulatedProcess receiver, Action deliver) =>
        receiver.Scheduler.Schedule(receiver, wire.Delay(receiver.Scheduler.Random), () =>
        {
            if (wire.IsCut)
                wire.Hold(() => Send(wire, receiver, deliver));
            else
                deliver();
        });
}
