using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Jobs.Targets;

namespace Replication.Jobs.Graph;

/// <summary>A node in the hands of a backup.</summary>
internal sealed class GraphTarget(BlockGraph graph, GraphNode node, BackupTarget target) : IBackupTarget, IPointInTimeKeeper
{
    private PointInTime? _shown;

    public BlockNode Node => target.Node;

    public int ClusterBytes => target.ClusterBytes;

    public bool IsClusterKnown => target.IsClusterKnown;

    public string Identity => target.Identity;

    public void Cut() => target.Cut();

    public ValueTask SealAsync() => target.SealAsync();

    public ValueTask<TargetSeal?> PrepareSealAsync() => target.PrepareSealAsync();

    public bool CompleteSeal() => target.CompleteSeal();

    public void Show(PointInTime pointInTime)
    {
        if (node.Options.Backing is null)
            return;
        _shown = pointInTime;
        graph.Show(node, pointInTime);
    }

    public async ValueTask HideAsync()
    {
        if (_shown is not { } shown)
            return;
        shown.Break(new BlockException(
            BlockErrorKind.Io, node.Options.Name!, BlockOperation.Read, default, "its job has ended, and keeps the moment no longer", Errno.EACCES));
        await shown.DrainAsync();
    }

    public ValueTask DisposeAsync() => graph.ReleaseAsync(node, isJob: true);
}
