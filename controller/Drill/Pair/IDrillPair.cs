using Colo.Protocol.V1;
using Replication.Block;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Pair;

/// <summary>The pair that a drill is held on: two real processes, or a stand-in that can be wrong on purpose.</summary>
internal interface IDrillPair : IAsyncDisposable
{
    /// <summary>Makes the disks with this content, starts both nodes and their replication.</summary>
    Task StartAsync(IReadOnlyList<byte[]> contents, CancellationToken cancellationToken);

    /// <summary>A new connection of a guest to one of its disks.</summary>
    Task<BlockNode> ConnectAsync(NodeSide side, int disk, CancellationToken cancellationToken);

    /// <summary>Throws <see cref="CommandLine.CliException"/> where it was not taken, or may not have been.</summary>
    Task<CheckpointResult> CheckpointAsync(CancellationToken cancellationToken);

    /// <summary>The epoch of the secondary's record: the truth about the last checkpoint.</summary>
    Task<ulong> GetSecondaryEpochAsync(CancellationToken cancellationToken);

    /// <summary>SIGKILL.</summary>
    void Kill(NodeSide side);

    /// <summary>A killed node begins another life, on its files and its addresses.</summary>
    Task RestartAsync(NodeSide side, CancellationToken cancellationToken);

    /// <summary>SIGSTOP; returns when the process has stopped.</summary>
    Task FreezeAsync(NodeSide side, CancellationToken cancellationToken);

    /// <summary>SIGCONT.</summary>
    void Thaw(NodeSide side);

    /// <summary>Nothing gets from one node to the other any more, until <see cref="HealLink"/>.</summary>
    /// <param name="bothWays">False: the primary's requests still arrive, and the replies do not.</param>
    void CutLink(bool bothWays);

    void HealLink();

    Task<NodeStatus> GetStatusAsync(NodeSide side, CancellationToken cancellationToken);

    /// <summary>Brings a detached pair back. Returns the bytes that travelled.</summary>
    Task<long> ResyncAsync(CancellationToken cancellationToken);

    /// <summary>How many events of a type the node has told of in its life.</summary>
    Task<int> CountEventsAsync(NodeSide side, string type, CancellationToken cancellationToken);

    /// <summary>Promotes the secondary; returns when it serves.</summary>
    Task<FailoverResponse> FailoverAsync(CancellationToken cancellationToken);

    /// <summary>The secondary's status once its commit has ended well.</summary>
    Task<NodeStatus> WaitCommittedAsync(CancellationToken cancellationToken);

    /// <summary>Ends the replication with a last checkpoint.</summary>
    Task StopReplicationAsync(CancellationToken cancellationToken);

    /// <summary>SIGTERM to what still runs; throws where a node does not end well.</summary>
    Task ShutDownAsync(CancellationToken cancellationToken);

    /// <summary>A disk itself, past its node.</summary>
    Stream OpenImage(NodeSide side, int disk);
}
