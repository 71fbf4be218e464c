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

    public void Start(SyncMode sync, bool abandonView = false, bool discardSecondary = false)
    {
        string what = $"start {sync}{(abandonView ? ", abandoning the view" : "")}{(discardSecondary ? ", discarding the secondary's changes" : "")}";
        Run(what, async () =>
        {
            using IDisposable holding = pair.Holding(pair.Settings.Deadline);
            await CallAsync(pair.Secondary, node => node.StartAsync(NodeRole.Secondary, sync, abandonView, discardSecondary, default));
            StartResult started = await CallAsync(pair.Primary, node => node.StartAsync(NodeRole.Primary, sync, abandonView, discardSecondary, default));
            tell($"started: generation {started.Generation.Number} epoch {started.Epoch}, {started.SyncedBytes} bytes synced");
        });
    }

    public void Resync(bool abandonView) => Run($"resync{(abandonView ? ", abandoning the view" : "")}", async () =>
    {
        using IDisposable holding = pair.Holding(pair.Settings.Deadline);
        ResyncResult result = await CallAsync(pair.Primary, node => node.ResyncAsync(abandonView, default));
        tell($"resynced: {result.SyncedBytes} bytes");
    });

    /// <summary>
    /// Nothing but the guests writes to the disks, so whatever it reports is a false positive; <paramref name="verified"/> is called where it has succeeded.
    /// </summary>
    public void Verify(bool repair, Action? verified = null) => Run($"verify{(repair ? " and repair" : "")}", async () =>
    {
        using IDisposable holding = pair.Holding(pair.Settings.Deadline / 2);
        VerifyResult result = await CallAsync(pair.Primary, node => node.VerifyAsync(repair, default));
        if (result.DifferingBytes > 0 && !pair.IsRotten)
            pair.Fail($"Verify: {result.DifferingBytes} bytes are said to differ, and nothing but the guest wrote");
        if (pair.IsRotten && !pair.RotMayBeHealed && (result.DifferingBytes == 0 || repair != (result.RepairedBytes == result.DifferingBytes)))
            pair.Fail($"Verify: of content that has rotted {result.DifferingBytes} bytes are said to differ and {result.RepairedBytes} to be repaired");
        verified?.Invoke();
    });

    public void Stop() => Run("stop", async () =>
    {
        using IDisposable holding = pair.Holding(pair.Settings.Deadline);
        await CallAsync(pair.Primary, node => node.StopAsync(default));
    });

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

    /// <summary>The three calls, as one controller of several may make them.</summary>
    public void Checkpoint(CheckpointPlan plan) => Run($"checkpoint ({plan})", async () =>
    {
        using IDisposable holding = pair.Holding(plan.Deadline ?? pair.Settings.Deadline);
        BegunCheckpoint begun = await CallAsync(pair.Primary, node => node.BeginCheckpointAsync(0, plan.Deadline, default));
        if (plan.DiesBefore == 1)
            return;
        if (plan.Aborts)
        {
            await CallAsync(pair.Primary, node => node.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Aborted, default));
            return;
        }

        // The state of its VM travels; where that takes longer than the lease another checkpoint may have come in between, and this commit is late.
        if (plan.Pause > TimeSpan.Zero)
            await Task.Delay(plan.Pause, pair.World.Time);
        if (plan.IsOvertaken)
            await OvertakeAsync();
        CheckpointOutcome outcome = CheckpointOutcome.Committed;
        try
        {
            for (int i = 0; i < plan.Commits; i++)
                await CallAsync(pair.Secondary, node => pair.Secondary.CommitAsync(node, begun.ToCommit()));
        }
        catch (VerbException e)
        {
            tell($"the commit: {e.Message}");
            outcome = e.Failure == VerbFailure.Unreachable ? CheckpointOutcome.Unknown : CheckpointOutcome.Aborted;
        }

        if (plan.DiesBefore == 2)
            return;
        await CallAsync(pair.Primary, node => node.EndCheckpointAsync(begun.Epoch, outcome, default));
    });

    private async Task OvertakeAsync()
    {
        BegunCheckpoint begun = await CallAsync(pair.Primary, node => node.BeginCheckpointAsync(0, null, default));
        await CallAsync(pair.Secondary, node => pair.Secondary.CommitAsync(node, begun.ToCommit()));
        await CallAsync(pair.Primary, node => node.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Committed, default));
    }

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
