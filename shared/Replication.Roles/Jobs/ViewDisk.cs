using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Secondary;
using Replication.Block.Snapshots;
using Replication.Jobs;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;

namespace Replication.Roles.Jobs;

/// <summary>What the guest of a secondary sees of one disk, for jobs and bitmaps; see docs/internals/secondary-jobs.md.</summary>
/// <param name="group">The secondary.</param>
/// <param name="disk">Its disk.</param>
/// <param name="guest">Asks before each write of the guest.</param>
/// <param name="below">The secondary disk: what the guest sees where there are no overlays.</param>
internal sealed class ViewDisk(SecondaryGroup group, SecondaryDisk disk, BeforeWriteNode guest, WatchedDisk below)
    : JobDisk(disk.Name, disk.LengthBytes, below.Identity), IChangingView
{
    /// <summary>Where the guest writes.</summary>
    public BeforeWriteNode Guest => guest;

    public override string? WhyNot => group.ViewState == ViewState.None
        ? $"disk '{Name}' of this secondary shows nothing: it is {group.Stage}, and has no view; start replication, or name '{below.Name}' for the disk below"
        : null;

    public bool FollowsMirror => group.ViewFollowsMirror;

    public int BlockSizeBytes => disk.BlockSizeBytes;

    public BlockBitmap? ChangesOfNextSwitch() => group.ChangesOfNextSwitch(disk);

    public override DiskMoment Begin() => group.ViewState switch
    {
        ViewState.Layered => new Moment(group.PinView(disk), guest),
        // What changes the one changes the other, whoever writes.
        ViewState.Disk => below.Begin(),
        _ => throw new JobException(JobErrorClass.GenericError, WhyNot!),
    };

    /// <summary>The guest's writes ask as long as they change what the pinned view shows: until the guest gets another view.</summary>
    private sealed class Moment(PinnedView view, BeforeWriteNode guest) : DiskMoment
    {
        private IBeforeWrite? _asked;

        public override BlockNode Source => view;

        public override void Ask(IBeforeWrite asked, Func<BlockRange, bool> reads, Action<BlockException> lost)
        {
            _asked = asked;
            guest.Add(asked);
            view.Watch(Leave, lost, reads);
        }

        public override void Leave()
        {
            if (_asked is { } asked)
                guest.Remove(asked);
        }

        public override ValueTask EndAsync() => view.ReleaseAsync();
    }
}
