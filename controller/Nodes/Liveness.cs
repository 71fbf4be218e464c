using Colo.Protocol.V1;

namespace Replication.Controller.Nodes;

/// <summary>Waits for a long piece of work for as long as its node lives: asked for its status now and then, it must answer.</summary>
internal static class Liveness
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(200);

    /// <summary>Returns when <paramref name="work"/> has ended, however it ended; throws when the node has become unreachable before.</summary>
    public static async Task WatchAsync(NodeClient node, Task work, Action<NodeStatus>? onStatus, CancellationToken cancellationToken)
    {
        while (!await EndedWithin(work, node.Time, s_interval, cancellationToken))
        {
            Task<NodeStatus> asked = node.GetStatusAsync(cancellationToken);
            if (await Task.WhenAny(asked, work) == asked)
            {
                NodeStatus status = await asked;
                onStatus?.Invoke(status);
            }
            else
            {
                _ = asked.ContinueWith(t => t.Exception, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously);
            }
        }
    }

    private static async Task<bool> EndedWithin(Task work, TimeProvider time, TimeSpan wait, CancellationToken cancellationToken)
    {
        await Task.WhenAny(work, Task.Delay(wait, time, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        return work.IsCompleted;
    }
}
