using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Interop.Support;

namespace Replication.Interop.Kill;

/// <summary>The three calls of a controller, with what is known from outside about where the cut lies.</summary>
internal sealed class PairCheckpoint(Pair pair, GroupModel model)
{
    /// <summary>Of the primary writers' logs, this much lies before the checkpoint.</summary>
    public Cut[] Before { get; private set; } = Cut.Minima(model.Primaries);

    /// <summary>Of the secondary writers' logs, this much is gone after it.</summary>
    public Cut[] Gone { get; private set; } = Cut.Minima(model.Secondaries);

    /// <summary>The epoch that it began, or would have begun.</summary>
    public ulong Epoch { get; private set; }

    /// <summary>For how long the primary's guest was held, by the primary's own account.</summary>
    public double HoldMs { get; private set; }

    /// <summary>A checkpoint that must succeed.</summary>
    public static async Task<PairCheckpoint> TakeAsync(Pair pair, GroupModel model)
    {
        var checkpoint = new PairCheckpoint(pair, model);
        await checkpoint.RunAsync();
        return checkpoint;
    }

    /// <summary>A checkpoint that a kill may interrupt anywhere.</summary>
    public async Task TryAsync()
    {
        try
        {
            await RunAsync();
        }
        catch (RpcException e)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"the checkpoint ended with {e.Status}");
        }
    }

    /// <summary>Whoever was to be killed is dead: nothing sent from now on can lie before the cut.</summary>
    public void Close()
    {
        Before = Cut.Complete(Before, model.Primaries);
        Gone = Cut.Complete(Gone, model.Secondaries);
    }

    private async Task RunAsync()
    {
        BeginCheckpointResponse begun = await pair.Primary.Service.BeginCheckpointAsync(new BeginCheckpointRequest());
        Epoch = begun.Epoch;
        CheckpointOutcome outcome = CheckpointOutcome.Unknown;
        try
        {
            await pair.Secondary.Service.CommitCheckpointAsync(new CommitCheckpointRequest
            {
                Generation = begun.Generation,
                Epoch = begun.Epoch,
                Session = begun.Session,
                AnsweredWrites = begun.AnsweredWrites,
                Attempt = begun.Attempt,
            });
            outcome = CheckpointOutcome.Committed;
        }
        finally
        {
            Close();
            HoldMs = (await pair.Primary.Service.EndCheckpointAsync(new EndCheckpointRequest { Epoch = begun.Epoch, Outcome = outcome })).HoldMs;
        }
    }
}
