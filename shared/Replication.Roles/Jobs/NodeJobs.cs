using Replication.Block;
using Replication.Block.Files;
using Replication.Block.Locks;
using Replication.Block.Snapshots;
using Replication.Block.State;
using Replication.Jobs;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;

namespace Replication.Roles.Jobs;

/// <summary>A node's block jobs and dirty bitmaps: the one implementation behind every door.</summary>
/// <remarks>
/// Between the roles and the disks: the nodes that ask before each change stand below whatever role the node has, and their gate is not the role's. So a
/// backup has its moment while a checkpoint holds the guest or a mirror does not answer. A secondary's guest has a device of its own above them, its view.
/// </remarks>
public sealed partial class NodeJobs : IJobHost, IAsyncDisposable
{
    private readonly RoleContext _context;
    private readonly NodeServices _services;
    private readonly IReadOnlyList<WatchedDisk> _watched;
    private readonly NodeStandstill _standstill;
    private readonly BitmapStore _bitmaps;
    private IReadOnlyList<JobDisk> _disks; // a secondary adds its views before anybody uses the node

    private NodeJobs(RoleContext context, NodeServices services, IReadOnlyList<WatchedDisk> watched, NodeStandstill standstill, BitmapStore bitmaps)
    {
        (_context, _services, _watched, _disks, _standstill, _bitmaps) = (context, services, watched, watched, standstill, bitmaps);
        Observers.Add(new JobJournal(context.Journal));
        Engine = new JobEngine(Observers, context.Time, (what, work) => context.Run(what, () => services.RunApart(work)));
        Commands = new JobCommands(Engine, bitmaps, this, standstill, context.Time);
        Fleeces = CreateFleeces();
    }

    /// <summary>The jobs, and their verbs.</summary>
    public JobEngine Engine { get; }

    /// <summary>Who is told of what happens to jobs; the node's journal is the first.</summary>
    public JobObservers Observers { get; } = new();

    /// <summary>Backups, changes of bitmaps, and transactions of both.</summary>
    public JobCommands Commands { get; }

    /// <summary>The disks that jobs may read, each under its device's name.</summary>
    public IReadOnlyList<JobDisk> Disks => _disks;

    int IJobHost.SmallestClusterBytes => _services.SmallestClusterBytes;

    ulong IJobHost.Epoch => _context.State.Record.Epoch;

    CopyOffload? IJobHost.OffloadBetween(BlockNode source, BlockNode target) => CopyOffload.Between(source, target, _services.TargetWorkers);

    void IJobHost.Warn(string message) => _context.Log.Warn(message);

    /// <summary>The dirty bitmaps of a disk.</summary>
    public IReadOnlyList<BitmapInfo> QueryBitmaps(string disk) => _bitmaps.Query(disk);

    /// <summary>Puts a node that asks in front of each disk, and opens the bitmaps. Nobody uses the disks yet.</summary>
    /// <exception cref="StateException">The list of bitmaps cannot be read.</exception>
    internal static async Task<NodeJobs> OpenAsync(RoleContext context, NodeServices services, IReadOnlyList<(DiskOptions Options, BlockNode Node)> disks)
    {
        CheckNames(context, disks.Select(disk => disk.Options.Name));
        var gate = new GroupGate(context.Time);
        var standstill = new NodeStandstill(gate);
        Func<TimeSpan?> patience = PatienceOf(context, standstill);
        WatchedDisk[] watched =
        [
            .. disks.Select(disk => new WatchedDisk(
                DeviceOf(context, disk.Options.Name), new BeforeWriteNode(disk.Node.Name, disk.Node, gate), disk.Node, Path.GetFullPath(disk.Options.Path),
                patience)),
        ];
        // The guest's views are devices of their own, though nobody writes them yet.
        var devices = watched.ToDictionary(disk => disk.Name, disk => disk.Node);
        foreach ((DiskOptions options, WatchedDisk disk) in disks.Zip(watched, (disk, known) => (disk.Options, known)))
            devices.TryAdd(options.Name, disk.Node);
        BitmapStore bitmaps = await BitmapStore.OpenAsync(
            context.State.Directory.Files, devices, services.BootId(), context.Options.Durability == Durability.Power, context.State.MayLackUnflushed);
        foreach (TargetSeal seal in bitmaps.Seals)
        {
            if (services.CompleteSeal(seal))
                bitmaps.Sealed(seal);
            else
                context.Log.Warn($"{seal.MarkerPath} could not be removed: the backup beside it is whole all the same");
        }

        return new NodeJobs(context, services, watched, standstill, bitmaps);
    }

    /// <summary>A disk as the role is to use it.</summary>
    internal BlockNode NodeOf(string disk)
    {
        string device = DeviceOf(_context, disk);
        return _watched.First(known => known.Name == device).Node;
    }

    ValueTask<IBackupTarget> IJobHost.OpenTargetAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken) =>
        _services.OpenTarget(command, lengthBytes, cancellationToken);

    ValueTask<TargetOutlook> IJobHost.CheckTargetAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken) =>
        _services.CheckTarget is { } check
            ? check(command, lengthBytes, cancellationToken)
            : new(new TargetOutlook(command.Target, lengthBytes, _services.SmallestClusterBytes));

    /// <summary>Cancels what runs, and closes the bitmaps. The role has ended: nobody writes any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await Engine.EndAsync();
        await Fleeces.DisposeAsync();
        await _bitmaps.DisposeAsync();
    }
}
