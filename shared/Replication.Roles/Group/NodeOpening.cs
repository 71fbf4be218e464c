using Replication.Block;
using Replication.Block.State;
using Replication.Roles.Jobs;
using Replication.Roles.Primary;
using Replication.Roles.Secondary;

namespace Replication.Roles;

/// <summary>
/// How a node is opened: disks first, so that a wrong disk leaves no trace; then the state directory, which decides the role; then the role's graph.
/// </summary>
internal static class NodeOpening
{
    public static async Task<GroupNode> OpenAsync(NodeOptions options, NodeServices services)
    {
        var opened = new Stack<IAsyncDisposable>();
        try
        {
            var disks = new List<(string Name, BlockNode Node)>();
            foreach (DiskOptions disk in options.Disks)
            {
                BlockNode node = services.Decorate(services.OpenDisk(disk));
                opened.Push(node);
                disks.Add((disk.Name, node));
            }

            CheckOverlay(options);
            StateDirectory directory = await StateDirectory.OpenAsync(
                services.OpenFiles(options.StateDirectory), services.Decorate, options.Durability == Durability.Power);
            opened.Push(directory);
            NodeState state = await NodeState.OpenAsync(
                directory, options, [.. disks.Select(disk => new ManifestDisk(disk.Name, disk.Node.LengthBytes))], services.NewId, services.BootId());
            var context = new RoleContext
            {
                Options = options,
                State = state,
                Journal = services.Journal,
                Log = services.Log,
                Time = services.Time,
                ConnectPeer = services.ConnectPeer,
                ConnectMirror = services.ConnectMirror,
                NewId = services.NewId,
                Incarnation = services.NewId(),
                Random = services.Random,
                Decorate = services.Decorate,
            };
            NodeJobs jobs = await NodeJobs.OpenAsync(context, services, [.. options.Disks.Zip(disks, (disk, opened) => (disk, opened.Node))]);
            opened.Push(jobs);
            (string Name, BlockNode Node)[] watched = [.. disks.Select(disk => (disk.Name, jobs.NodeOf(disk.Name)))];
            INodeRole role = state.Role == NodeRole.Primary
                ? await PrimaryRole.OpenAsync(context, watched, jobs.Engine)
                : await SecondaryRole.OpenAsync(context, watched, services, jobs);
            jobs.Primary = role as PrimaryRole;
            return new GroupNode(context, role, jobs, [.. disks.Select(disk => disk.Node)]);
        }
        catch
        {
            while (opened.TryPop(out IAsyncDisposable? part))
                await part.DisposeAsync();
            throw;
        }
    }

    /// <summary>A new secondary without an overlay directory is refused before its state directory is made.</summary>
    private static void CheckOverlay(NodeOptions options)
    {
        if (options.Overlay is null && options.InitialRole == NodeRole.Secondary && !Directory.Exists(options.StateDirectory))
            throw MissingOverlay();
    }

    public static StateException MissingOverlay() =>
        new("Replication:Overlay:Directory is not configured: a secondary keeps its overlays there") { Place = StatePlace.OverlayNotConfigured };
}
