using System.Net;
using Replication.Block;
using Replication.Control.Options;
using Replication.Jobs.Commands;
using Replication.Jobs.Graph;
using Replication.Jobs.Targets;
using Replication.Nbd;

namespace Replication.Control.Hosting;

/// <summary>Opens what backups write to, and keeps them from what the node itself uses: its disks, its state, its overlays, its exports.</summary>
internal sealed class BackupTargets(HostOptions options, Listeners listeners, BlockingWorkers workers)
{
    private volatile NbdAddress? _scriptsServer;

    /// <summary>What opening a target needs, as it is now.</summary>
    public TargetEnvironment Environment => new() { Workers = workers, OwnFiles = OwnFiles(), IsOwnExport = IsOwnExport };

    /// <summary>Nodes that are targets by their names.</summary>
    public BlockGraph Graph => field ??= new BlockGraph(() => Disks(), () => Environment);

    /// <summary>The names of the disks that jobs may read; the node says so once it is open.</summary>
    public Func<IEnumerable<string>> Disks { get; set; } = () => options.Node.Disks.Select(disk => disk.Name);

    /// <summary>Where the NBD server that scripts have started listens; null: there is none.</summary>
    public NbdAddress? ScriptsServer
    {
        get => _scriptsServer;
        set => _scriptsServer = value;
    }

    /// <summary>What opening would find; of a node that is named only its own opening can tell.</summary>
    public async ValueTask<TargetOutlook> CheckAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken) => command.TargetIsNode
        ? new TargetOutlook(command.Target, lengthBytes, 1)
        : await BackupTarget.CheckAsync(command, lengthBytes, Environment, cancellationToken);

    public async ValueTask<IBackupTarget> OpenAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken) => command.TargetIsNode
        ? await Graph.OpenTargetAsync(command, lengthBytes, cancellationToken)
        : await BackupTarget.OpenAsync(command, lengthBytes, Environment, cancellationToken);

    /// <summary>As they are now: overlays and bitmaps come and go.</summary>
    private List<string> OwnFiles()
    {
        List<string> own = [.. options.Node.Disks.Select(disk => disk.Path)];
        foreach (string? directory in new[] { options.Node.StateDirectory, options.Node.Overlay?.Directory, options.Node.Overlay?.SpillDirectory })
        {
            if (directory is not null && Directory.Exists(directory))
                own.AddRange(Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories));
        }

        return own;
    }

    private bool IsOwnExport(NbdAddress address) =>
        listeners.Guest.Concat(listeners.Mirror).Any(listener => LeadTo(address, listener.LocalAddress))
            || (ScriptsServer is { } server && LeadTo(address, server));

    private static bool LeadTo(NbdAddress address, NbdAddress listener)
    {
        if (listener.IsUnix)
            return address.IsUnix && Path.GetFullPath(address.SocketPath) == Path.GetFullPath(listener.SocketPath);
        if (address.IsUnix || address.Port != listener.Port)
            return false;
        return address.Host == listener.Host || (address.IsLoopback && (listener.IsLoopback || IsAny(listener.Host)));
    }

    private static bool IsAny(string host) =>
        IPAddress.TryParse(host, out IPAddress? address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
}
