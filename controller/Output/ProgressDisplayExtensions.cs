using Colo.Protocol.V1;

namespace Replication.Controller.Output;

internal static class ProgressDisplayExtensions
{
    /// <summary>Shows what a node says it is at.</summary>
    public static void ShowOf(this ProgressDisplay display, NodeStatus status)
    {
        if (status.Progress is { } progress)
            display.Show(progress.Activity, progress.DoneBytes, progress.TotalBytes);
    }
}
