using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Network;

/// <summary>
/// The other node over its control endpoint, as one process calls it: each call is a message there and a message back, and calls may pass each other.
/// </summary>
internal sealed class SimulatedPeer(SimulatedHost own, SimulatedProcess caller, SimulatedHost callee, Wire there, Wire back) : IReplicationPeer
{
    public Task<AttachReply> AttachMirrorAsync(AttachRequest request, CancellationToken cancellationToken) =>
        Call(node => node.AttachMirrorAsync(request, default), cancellationToken);

    public Task DetachMirrorAsync(Guid session, CancellationToken cancellationToken) =>
        Call(node => node.DetachMirrorAsync(session, default), cancellationToken);

    public Task CompleteSyncAsync(Guid session, CancellationToken cancellationToken) =>
        Call(node => node.CompleteSyncAsync(session, default), cancellationToken);

    public Task<ReadOnlyMemory<byte>> GetDigestsAsync(
        Guid session, string disk, long offsetBytes, long lengthBytes, int pieceBytes, CancellationToken cancellationToken) =>
        Call(node => node.GetDigestsAsync(session, disk, offsetBytes, lengthBytes, pieceBytes, default), cancellationToken);

    public Task<(ulong Epoch, TimeSpan Elapsed)> CommitCheckpointAsync(CommitRequest request, CancellationToken cancellationToken) =>
        Call(node => callee.CommitAsync(node, request), cancellationToken);

    public Task<ulong> StopReplicationAsync(CommitRequest request, CancellationToken cancellationToken) =>
        Call(node => callee.StopReplicationAsync(node, request), cancellationToken);

    public Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken) =>
        Call(node => node.GetPositionAsync(group, default), cancellationToken);

    public async Task<PeerPosition> HoldAsync(string group, Generation generation, TimeSpan lease, CancellationToken cancellationToken)
    {
        long heldAt = 0;
        own.HoldAnswered(null);
        PeerPosition answer = await Call(
            async node =>
            {
                heldAt = caller.Scheduler.Now;
                // The wire carries the generation in force, not the history.
                PeerPosition position = await node.HoldAsync(group, generation, lease, default);
                return position with { History = [position.Generation] };
            },
            cancellationToken);
        own.HoldAnswered(heldAt + lease.Ticks);
        // Another moment at which the process may be stopped.
        await Task.Yield();
        return answer;
    }

    public Task ReleaseAsync(Generation? fencedBy, CancellationToken cancellationToken) =>
        Call(node => node.ReleaseAsync(fencedBy, default), cancellationToken);

    private Task<bool> Call(Func<IReplicationPeer, Task> call, CancellationToken cancellationToken) => Call(
        async node =>
        {
            await call(node);
            return true;
        },
        cancellationToken);

    private Task<T> Call<T>(Func<GroupNode, Task<T>> call, CancellationToken cancellationToken) =>
        RemoteCall.InvokeAsync(caller, callee, (there, back), call, null, cancellationToken);
}
