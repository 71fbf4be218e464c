using Replication.Block.Bitmaps;
using Replication.Block.Locks;
using Replication.Block.Replication;
using Replication.Block.State;

namespace Replication.Block.Secondary;

// The guest's view at one moment, for who reads it for longer than an epoch; see docs/internals/secondary-jobs.md.
public sealed partial class SecondaryGroup
{
    // Held by a switch around its closed gate, and by who takes views at one moment: neither sees half of the other.
    private readonly RangeLock _views = new();
    private readonly EpochPins _pins;

    /// <summary>Until <see cref="ReleaseView"/> no switch begins. Not to be waited for with anything held that a request inside the gate waits for.</summary>
    public ValueTask<RangeLock.Ticket> HoldViewAsync() => _views.AcquireAsync(s_turn);

    public void ReleaseView(RangeLock.Ticket held) => _views.Release(held);

    /// <summary>A switch may still change the view without writing it; false from a promotion on, behind which only guests change it.</summary>
    public bool ViewFollowsMirror => Stage is not (NodeStage.Failover or NodeStage.FailoverFailed or NodeStage.Done);

    /// <summary>What the guest's reads go to now.</summary>
    public ViewState ViewState => ReplicationTable.Read(NodeRole.Secondary, _state.ReplicationStage) switch
    {
        IoRoute.Chain when _live is not null => ViewState.Layered,
        IoRoute.Direct => ViewState.Disk,
        _ => ViewState.None,
    };

    /// <summary>The view of a disk through overlays as it is now; the view is held. To be released.</summary>
    public PinnedView PinView(SecondaryDisk disk)
    {
        Invariant.Check(ViewState == ViewState.Layered, "a view that is pinned is one through overlays");
        int index = Disks.ToList().IndexOf(disk);
        return new PinnedView(disk, Gate, _pins, _pins.Pin(_live!).Disks[index]);
    }

    /// <summary>
    /// The blocks in which the next switch may change the view: what the mirror has overwritten and the guest has written since the last one. The view is
    /// held; what is being written meanwhile may be missing. Null: none.
    /// </summary>
    public BlockBitmap? ChangesOfNextSwitch(SecondaryDisk disk) => ViewFollowsMirror ? disk.CopyBeforeWrite.Layers?.Union() : null;
}
