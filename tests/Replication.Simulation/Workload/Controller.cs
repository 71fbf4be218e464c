using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Cluster;
using Replication.Simulation.Network;

namespace Replication.Simulation.Workload;

/// <summary>An operator, or a COLO controller, who asks the nodes for their verbs, over a network of his own; and who may die between two calls.</summary>
internal sealed class Controller(Pair pair, Action<string> tell)
{
    private readonly List<string> _verbs = [];

    /// <summary>Verbs that have not been answered.</summary>
    public IReadOnlyList<string> UnderWay => _verbs;

    public void Start(SyncMode sync) => Run($"start {sync}", async () =>
    {
        await CallAsync(pair.Secondary, node => node.StartAsync(NodeRole.Secondary, sync, false, default));
        StartResult started = await CallAsync(pair.Primary, node => node.StartAsync(NodeRole.Primary, sync, false, default));
        tell($"started: generation {started.Generation.Number} epoch {started.Epoch}, {started.SyncedBytes} bytes synced");
    });

    public void Stop() => Run("stop", () => CallAsync(pair.Primary, node => node.StopAsync(default)));

    public void Failover(SimulatedHost host, bool force) => Run($"failover of the {host.Name}{(force ? " by force" : "")}", async () =>
    {
        if (host == pair.Secondary && pair.PromotedAt is null)
            pair.PromotionAskedAt = host.Scheduler.Now;
        FailoverResult result = await CallAsync(host, node => node.FailoverAsync(force, default));
        tell($"failed over: generation {result.Generation.Number}, fenced {result.PrimaryFenced}, lost {result.Lost}");
    });

    /// <summary>The node verb that switches to what the disk holds; asked for while the disk may lack writes it must refuse (invariant Whole).</summary>
    public void CheckpointOfIncomplete() => Run("a checkpoint of the incomplete secondary", async () =>
    {
        bool wasIncomplete = true;
        await CallAsync(pair.Secondary, async node =>
        {
            wasIncomplete = node.GetStatus() is { Incomplete: true, Stage: NodeStage.Running };
            return wasIncomplete ? await node.CheckpointAsync(default) : 0;
        });
        if (wasIncomplete)
            pair.Fail("Whole: an incomplete secondary has taken a checkpoint");
    });

    /// <summary>The three calls. The controller dies before the given one; 3: it lives.</summary>
    public void Checkpoint(int diesBefore, bool abort, TimeSpan? deadline) => Run($"checkpoint (dies before {diesBefore}{(abort ? ", aborts" : "")})", async () =>
    {
        BegunCheckpoint begun = await CallAsync(pair.Primary, node => node.BeginCheckpointAsync(0, deadline, default));
        if (diesBefore == 1)
            return;
        if (abort)
        {
            await CallAsync(pair.Primary, node => node.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Aborted, default));
            return;
        }

        CheckpointOutcome outcome = CheckpointOutcome.Committed;
        try
        {
            await CallAsync(pair.Secondary, node => pair.Secondary.CommitAsync(node, begun.ToCommit()));
        }
        catch (VerbException e)
        {
            tell($"the commit: {e.Message}");
            outcome = e.Failure == VerbFailure.Unreachable ? CheckpointOutcome.Unknown : CheckpointOutcome.Aborted;
        }

        if (diesBefore == 2)
            return;
        await CallAsync(pair.Primary, node => node.EndCheckpointAsync(begun.Epoch, outcome, default));
    });

    private Task<T> CallAsync<T>(SimulatedHost host, Func<GroupNode, Task<T>> call) =>
        RemoteCall.InvokeAsync(pair.World, host, (pair.Management, pair.Management), call, TimeSpan.FromSeconds(90), default);

    private void Run(string verb, Func<Task> work)
    {
        tell($"controller: {verb}");
        _verbs.Add(verb);
        pair.World.Run(
            async () =>
            {
                try
                {
                    await work();
                    tell($"controller: {verb} is done");
                }
                catch (VerbException e)
                {
                    tell($"controller: {verb}: {e.Failure}: {e.Message}");
                }

                _verbs.Remove(verb);
            },
            e => pair.Fail(e is SimulationFailureException ? e.Message : $"{verb}: {e}"));
    }
}
