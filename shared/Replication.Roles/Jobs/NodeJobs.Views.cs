using Replication.Block;
using Replication.Block.Locks;
using Replication.Block.Secondary;
using Replication.Block.Snapshots;
using Replication.Block.State;

namespace Replication.Roles.Jobs;

// A secondary has two devices for each disk: DISK is what its guest sees, DISK.secondary the secondary disk below.
public sealed partial class NodeJobs
{
    private const string SecondarySuffix = ".secondary";

    private IReadOnlyList<ViewDisk> _views = []; // set before anybody uses the node

    /// <summary>Every view may show anything from here on: it appears where there was none. No command is under way.</summary>
    internal async ValueTask MarkViewsAsync()
    {
        foreach (ViewDisk view in _views)
            await _bitmaps.MarkAllAsync(view.Name);
    }

    /// <summary>The secondary is open; nobody uses it yet. Returns what the guest's exports show, in the order of its disks.</summary>
    internal IReadOnlyList<BlockNode> ShowViews(SecondaryGroup group)
    {
        var gate = new GroupGate(_context.Time);
        _standstill.Show(gate, group);
        _views = [.. group.Disks.Zip(_watched, (disk, below) => new ViewDisk(group, disk, new BeforeWriteNode(disk.Name, disk.Guest, gate), below))];
        foreach (ViewDisk view in _views)
            _bitmaps.ShowView(view.Name, view.Guest, view);
        _disks = [.. _views, .. _watched];
        return [.. _views.Select(view => view.Guest)];
    }

    private static string DeviceOf(RoleContext context, string disk) => context.State.Role == NodeRole.Secondary ? disk + SecondarySuffix : disk;

    /// <summary>
    /// The mirror, and a commit, wait for a backup of the secondary disk no longer than half of what the primary bears: the backup fails instead, not the pair.
    /// A promoted guest whose disk it is waits as any guest.
    /// </summary>
    private static Func<TimeSpan?> PatienceOf(RoleContext context, NodeStandstill standstill) =>
        () => standstill.Group is { Stage: not NodeStage.Done } ? context.Options.Mirror.Deadline / 2 : null;

    private static void CheckNames(RoleContext context, IEnumerable<string> disks)
    {
        if (context.State.Role == NodeRole.Secondary && disks.FirstOrDefault(disk => disks.Contains(disk + SecondarySuffix)) is { } taken)
        {
            throw new StateException($"disk '{taken}{SecondarySuffix}' has the name that jobs know the secondary disk of '{taken}' by; rename one of the two");
        }
    }
}
