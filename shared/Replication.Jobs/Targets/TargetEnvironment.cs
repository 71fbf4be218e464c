using Replication.Block;
using Replication.Nbd;

namespace Replication.Jobs.Targets;

/// <summary>What opening a target needs of the node.</summary>
public sealed record TargetEnvironment
{
    /// <summary>Who waits for devices.</summary>
    public required BlockingWorkers Workers { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Paths of the files that the node has open: disks, overlays, state. None of them may be written over.</summary>
    public IReadOnlyCollection<string> OwnFiles { get; init; } = [];

    /// <summary>Says which addresses lead to an export of this very node: a backup into a disk of its own would never end.</summary>
    public Func<NbdAddress, bool> IsOwnExport { get; init; } = _ => false;

    /// <summary>Where the private directories of sockets are made: short enough for a socket's path of 107 bytes.</summary>
    public string SocketDirectory { get; init; } = Path.GetTempPath();

    /// <summary>Where qemu-img and qemu-nbd are looked for, in this order, separated by colons.</summary>
    public string SearchPath { get; init; } = Environment.GetEnvironmentVariable("PATH") + ":/usr/local/bin:/usr/bin:/bin";
}
