using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs;
using Replication.Jobs.Commands;
using Replication.Roles.Mirror;

namespace Replication.Roles;

/// <summary>A node's ways to the outside: what a host gives the real ones for, and a test or a simulator its own.</summary>
public sealed record NodeServices
{
    public required INodeJournal Journal { get; init; }
    public required RoleLog Log { get; init; }
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Threads for what waits for a device.</summary>
    public required BlockingWorkers Workers { get; init; }

    /// <summary>The same for the targets of jobs, so that those keep no disk waiting. Without them all share.</summary>
    public BlockingWorkers TargetWorkers { get => field ?? Workers; init; }

    /// <summary>A client for the node at a control address; called once for each address and verb, so it should be cheap or cached.</summary>
    public required Func<string, IReplicationPeer> ConnectPeer { get; init; }

    /// <summary>The transport to the mirror listener at an address.</summary>
    public required Func<string, IMirrorTransport> ConnectMirror { get; init; }

    /// <summary>The directory of that path, for files of the node's own; made where it does not exist.</summary>
    public Func<string, IFileStore> OpenFiles { get => field ?? (path => new FileStore(path, Workers)); init; }

    /// <summary>Starts a worker for what no request waits for; the name is for people.</summary>
    public Func<string, IBackgroundWorker> StartWorker { get; init; } = name => new BackgroundThread(name);

    /// <summary>Opens and locks a disk.</summary>
    public required Func<DiskOptions, BlockNode> OpenDisk { get; init; }

    /// <summary>Opens the target of a backup of so many bytes, or makes it.</summary>
    public Func<BackupCommand, long, CancellationToken, ValueTask<IBackupTarget>> OpenTarget { get; init; } = (command, _, _) =>
        throw new JobException(JobErrorClass.GenericError, $"{command.Target}: this node has no way to a target");

    /// <summary>What opening a target would find, and why it would be refused; changes nothing. Null: nobody can tell.</summary>
    public Func<BackupCommand, long, CancellationToken, ValueTask<TargetOutlook>>? CheckTarget { get; init; }

    /// <summary>Says of a target that it is whole, which a kill has left to be done. False: it could not be said.</summary>
    public Func<TargetSeal, bool> CompleteSeal { get; init; } = _ => true;

    /// <summary>The smallest unit of copying of a backup, QEMU's; a power of two. A simulator's disks are smaller.</summary>
    public int SmallestClusterBytes { get; init; } = 64 << 10;

    /// <summary>Runs the work of a job away from its caller's thread: it may read and write for hours without ever waiting.</summary>
    public Func<Func<Task>, Task> RunApart { get; init; } = Task.Run;

    /// <summary>Puts a node in front of another, by the other's name: fault nodes, for tests. Without it nothing stands in between.</summary>
    public Func<BlockNode, BlockNode> Decorate { get; init; } = node => node;

    /// <summary>Random ids: session tokens and generations.</summary>
    public Func<Guid> NewId { get; init; } = Guid.NewGuid;

    /// <summary>The id of the machine's boot; another one than the state's means that what was not flushed may be lost.</summary>
    public Func<Guid> BootId { get; init; } = Replication.Block.State.BootId.Read;

    /// <summary>Randomness of waits, from 0 to 1.</summary>
    public Func<double> Random { get; init; } = System.Random.Shared.NextDouble;
}
