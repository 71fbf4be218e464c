using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Jobs.Targets;
using Replication.Nbd;

namespace Replication.Jobs.Graph;

// Jobs that write nodes, and readers.
public sealed partial class BlockGraph
{
    /// <summary>A node as the target of a backup.</summary>
    /// <exception cref="JobException">It cannot be.</exception>
    public async ValueTask<IBackupTarget> OpenTargetAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken)
    {
        GraphNode node;
        lock (_sync)
        {
            if (IsDisk(command.Target))
            {
                throw Refused(command.Target == command.Device
                    ? $"the target of a backup of disk '{command.Device}' is the disk itself; give another one"
                    : $"'{command.Target}' is a disk of this node, which its guest writes; give another target");
            }

            if (!_nodes.TryGetValue(command.Target, out node!))
                throw new JobException(JobErrorClass.DeviceNotFound, $"there is no node '{command.Target}'; blockdev-add makes one");
            if (node.IsInUse)
                throw Refused($"node '{command.Target}' is in use: {UserOf(node)}");
            CheckTarget(node, command);
            node.IsOpening = true;
        }

        TargetDescription description = TargetDescription.Of(command, lengthBytes) with
        {
            Target = node.Target,
            Format = node.Format,
            Mode = TargetMode.Existing,
            BackingIsNode = node.Options.HasNoBacking || HasDiskBelow(node),
        };
        return new GraphTarget(this, node, await OpenAsync(node, description, isJob: true, cancellationToken));
    }

    /// <summary>A node for readers, or, where <paramref name="isWritable"/>, for somebody who writes it too.</summary>
    /// <exception cref="JobException">It cannot be.</exception>
    public async Task<GraphReader> OpenReaderAsync(string name, bool isWritable, CancellationToken cancellationToken)
    {
        GraphNode node;
        lock (_sync)
        {
            if (!_nodes.TryGetValue(name, out node!))
                throw Missing(name);
            if (node.IsOpening || node.Parents > 0)
                throw Refused($"node '{name}' is in use: {UserOf(node)}");
            if (isWritable && (node.HasJob || node.Options.IsReadOnly || HasDiskBelow(node)))
                throw Refused($"node '{name}' cannot be written: {(node.HasJob ? "a job writes it" : "it is read-only")}; show it without 'writable'");
            if (HasDiskBelow(node) && node.PointInTime is null)
            {
                throw Refused($"node '{name}' has a disk below it, and shows a moment of that as soon as a backup of sync none keeps one in it: "
                    + "begin that first");
            }

            if (node.Open is not null)
            {
                node.Users++;
                return ReaderOf(node);
            }

            node.IsOpening = true;
        }

        await OpenAsync(node, ForReaders(node), isJob: false, cancellationToken);
        return ReaderOf(node);
    }

    /// <summary>A user has gone; the last one closes.</summary>
    internal async ValueTask ReleaseAsync(GraphNode node, bool isJob)
    {
        BackupTarget? closing = null;
        lock (_sync)
        {
            if (isJob)
                node.HasJob = false;
            if (--node.Users == 0)
            {
                (closing, node.Open) = (node.Open, null);
                node.PointInTime = null;
                node.IsOpening = true;
            }
        }

        if (closing is null)
            return;
        try
        {
            await closing.DisposeAsync();
        }
        finally
        {
            lock (_sync)
                node.IsOpening = false;
        }
    }

    /// <summary>A job keeps this point in time in the node, from now on.</summary>
    internal void Show(GraphNode node, PointInTime pointInTime)
    {
        lock (_sync)
            node.PointInTime = pointInTime;
    }

    private void CheckTarget(GraphNode node, BackupCommand command)
    {
        if (node.Options.IsReadOnly)
            throw Refused($"node '{command.Target}' is read-only");
        if (!HasDiskBelow(node))
            return;
        if (command.Sync != BackupSync.None)
            throw Refused($"node '{command.Target}' has disk '{node.Options.Backing}' below it: it takes a backup of sync none, to show that disk's moment");
        if (command.Device != node.Options.Backing)
            throw Refused($"node '{command.Target}' has disk '{node.Options.Backing}' below it, and shows no other disk than that");
    }

    private bool HasDiskBelow(GraphNode node) => node.Options.Backing is { } backing && IsDisk(backing);

    private static TargetDescription ForReaders(GraphNode node) => new()
    {
        Target = node.Target,
        LengthBytes = node.Look.LengthBytes,
        Format = node.Format,
        Mode = TargetMode.Existing,
        Use = TargetUse.Scratch,
        BackingIsNode = node.Options.HasNoBacking,
    };

    /// <summary>The node says that it is being opened; what was opened is its, with one user.</summary>
    private async Task<BackupTarget> OpenAsync(GraphNode node, TargetDescription description, bool isJob, CancellationToken cancellationToken)
    {
        BackupTarget? opened = null;
        try
        {
            return opened = await BackupTarget.OpenAsync(description, _environment(), cancellationToken);
        }
        catch (TargetException e)
        {
            throw new JobException(JobErrorClass.GenericError, e.Message, e) { Kind = JobErrorKind.Failed };
        }
        finally
        {
            lock (_sync)
            {
                node.IsOpening = false;
                if (opened is not null)
                    (node.Open, node.Users, node.HasJob) = (opened, 1, isJob);
            }
        }
    }

    private GraphReader ReaderOf(GraphNode node)
    {
        string name = node.Options.Name!;
        if (!HasDiskBelow(node))
            return new GraphReader(node.Open!.Node, null, null, () => ReleaseAsync(node, isJob: false));
        PointInTime pointInTime = node.PointInTime!;
        return new GraphReader(
            new SnapshotNode(name, pointInTime.LengthBytes, pointInTime), new AllocationDepthContext(pointInTime.DepthAsync), node.Options.Backing,
            () => ReleaseAsync(node, isJob: false));
    }
}
