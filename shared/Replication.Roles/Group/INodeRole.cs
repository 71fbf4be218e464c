namespace Replication.Roles;

/// <summary>What <see cref="GroupNode"/> needs of either role besides the verbs that only one of them has.</summary>
internal interface INodeRole : IAsyncDisposable
{
    ExportCatalog GuestExports { get; }

    ExportCatalog MirrorExports { get; }

    /// <summary>Starts what a restart has to go on with. Called once, before the exports are served.</summary>
    void Begin();

    NodeStatus GetStatus();

    Task<ulong> CheckpointAsync(CancellationToken cancellationToken);

    Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken);
}
