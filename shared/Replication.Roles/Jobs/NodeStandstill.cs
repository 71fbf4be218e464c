using Replication.Block.Locks;
using Replication.Block.Secondary;
using Replication.Jobs.Commands;

namespace Replication.Roles.Jobs;

/// <summary>Holds every change of a node's devices still: of its disks, and on a secondary of the guest's view.</summary>
/// <remarks>
/// In this order: the guest's writes, which may wait for a target of a backup; then the view, which a checkpoint may hold until the requests inside the
/// group's gate have ended; then the disks, since those requests pass there. Any other order could wait for itself.
/// </remarks>
internal sealed class NodeStandstill(GroupGate disks) : IStandstill
{
    private GroupGate? _guests; // set before anybody uses the node
    private RangeLock.Ticket _view; // by who holds

    /// <summary>The secondary's; null: there is no view.</summary>
    public SecondaryGroup? Group { get; private set; }

    /// <summary>The node has views of its disks.</summary>
    /// <param name="guests">The gate of whoever asks before their guests' writes.</param>
    /// <param name="group">Whose views they are.</param>
    public void Show(GroupGate guests, SecondaryGroup group) => (_guests, Group) = (guests, group);

    public async ValueTask<bool> TryHoldAsync(TimeSpan patience)
    {
        if (Group is not { } group)
            return await disks.CloseAsync(patience);
        if (!await _guests!.CloseAsync(patience))
            return false;
        _view = await group.HoldViewAsync();
        if (await disks.CloseAsync(patience))
            return true;
        group.ReleaseView(_view);
        _guests.Open();
        return false;
    }

    public void Release()
    {
        disks.Open();
        if (Group is not { } group)
            return;
        group.ReleaseView(_view);
        _guests!.Open();
    }
}
