using System.Diagnostics;
using System.Reflection;
using System.Text.Json.Nodes;
using Colo.Protocol.V1;
using Grpc.Net.Client;
using Replication.Controller.Nodes;
using Replication.Nbd;
using Replication.Protos;

namespace Replication.Benchmarks.Contestants;

/// <summary>A primary and a secondary of this project, each a process, over Unix sockets.</summary>
internal sealed class OwnPair : IPair
{
    private const string Disk = "disk0";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly TempDirectory _directory;
    private readonly OwnNode _primary;
    private readonly OwnNode _secondary;
    private readonly NodeClient _primaryClient;
    private readonly NodeClient _secondaryClient;

    private OwnPair(string name, TempDirectory directory, OwnNode primary, OwnNode secondary)
    {
        (Name, _directory, _primary, _secondary) = (name, directory, primary, secondary);
        _primaryClient = Open(NodeSide.Primary, primary);
        _secondaryClient = Open(NodeSide.Secondary, secondary);
    }

    public string Name { get; }

    /// <summary>The hosts that the same build made.</summary>
    public static string BuiltPrograms { get; } =
        Path.GetFullPath(typeof(OwnPair).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "HostPrograms").Value!);

    public NbdAddress Guest => NbdAddress.Parse(_primary.Address("guest")) with { ExportName = Disk };

    public NbdAddress SecondaryGuest => NbdAddress.Parse(_secondary.Address("guest")) with { ExportName = Disk };

    public IReadOnlyList<int> ProcessIds => [_primary.ProcessId, _secondary.ProcessId];

    public string PrimaryDisk => _directory["primary.raw"];

    public string SecondaryDisk => _directory["secondary.raw"];

    /// <summary>Starts both, and the replication; the disks are equal from the beginning.</summary>
    public static async Task<OwnPair> StartAsync(string name, string programs, BenchOptions options, CancellationToken cancellationToken)
    {
        var directory = new TempDirectory(options.DiskDirectory);
        OwnNode? secondary = null;
        OwnNode? primary = null;
        try
        {
            foreach (string side in new[] { "primary", "secondary" })
                DiskImage.Create(directory[$"{side}.raw"], options.DiskBytes);
            secondary = await OwnNode.StartAsync(programs, "replication-secondary", directory["secondary.json"], SecondarySettings(directory, options));
            primary = await OwnNode.StartAsync(programs, "replication-primary", directory["primary.json"], PrimarySettings(directory, secondary));
            var pair = new OwnPair(name, directory, primary, secondary);
            await PairStart.RunAsync(pair._primaryClient, pair._secondaryClient, PairStart.RequestOf(SyncMode.None), null, cancellationToken);
            return pair;
        }
        catch
        {
            if (primary is not null)
                await primary.DisposeAsync();
            if (secondary is not null)
                await secondary.DisposeAsync();
            directory.Dispose();
            throw;
        }
    }

    public async Task<CheckpointTimes> CheckpointAsync(CancellationToken cancellationToken)
    {
        CheckpointResult result = await PairCheckpoint.TakeAsync(_primaryClient, _secondaryClient, cancellationToken);
        return new CheckpointTimes(TimeSpan.FromMilliseconds(result.HoldMs), TimeSpan.FromMilliseconds(result.ElapsedMs));
    }

    public Task PrepareAsync(CancellationToken cancellationToken) => CheckpointAsync(cancellationToken);

    /// <summary>The secondary ends the mirror's session; the primary goes on alone.</summary>
    public async Task DetachAsync(CancellationToken cancellationToken)
    {
        BeginCheckpointResponse begun = await _primaryClient.CallAsync((s, o) => s.BeginCheckpointAsync(new BeginCheckpointRequest(), o), cancellationToken);
        await _primaryClient.CallAsync(
            (s, o) => s.EndCheckpointAsync(new EndCheckpointRequest { Epoch = begun.Epoch, Outcome = CheckpointOutcome.Aborted }, o), cancellationToken);
        using GrpcChannel channel = ControlChannel.Open(_secondary.Address("control"));
        await new PeerService.PeerServiceClient(channel).DetachMirrorAsync(
            new DetachMirrorRequest { Session = begun.Session }, cancellationToken: cancellationToken);
        while ((await _primaryClient.GetStatusAsync(cancellationToken)).Stage != NodeStage.Detached)
            await Task.Delay(10, cancellationToken);
    }

    /// <summary>Returns when the pair replicates again.</summary>
    public Task ResyncAsync(CancellationToken cancellationToken) =>
        _primaryClient.CallWatchedAsync((s, o) => s.ResyncAsync(new ResyncRequest { Versions = NodeClient.Versions }, o), null, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _primaryClient.Dispose();
        _secondaryClient.Dispose();
        await _primary.DisposeAsync();
        await _secondary.DisposeAsync();
        _directory.Dispose();
    }

    private static JsonObject PrimarySettings(TempDirectory directory, OwnNode secondary)
    {
        JsonObject settings = Common(directory, "primary");
        settings["Peer"] = new JsonObject { ["Control"] = secondary.Address("control"), ["Mirror"] = secondary.Address("mirror") };
        // A busy machine is not what is measured: nothing is detached, or comes back, by itself.
        settings["Mirror"] = new JsonObject { ["Deadline"] = "10s", ["Resync"] = "manual" };
        return settings;
    }

    private static JsonObject SecondarySettings(TempDirectory directory, BenchOptions options)
    {
        JsonObject settings = Common(directory, "secondary");
        settings["Mirror"] = new JsonObject { ["Listen"] = Listen(directory, "secondary-mirror"), ["Deadline"] = "10s" };
        // Both overlays of the epoch, those of the last one, and what is being given back.
        settings["Overlay"] =
            new JsonObject { ["Directory"] = directory["overlay"], ["Limit"] = $"{6 * options.DiskBytes}", ["SoftLimit"] = $"{5 * options.DiskBytes}" };
        return settings;
    }

    private static JsonObject Common(TempDirectory directory, string side) => new()
    {
        ["Group"] = "bench",
        ["StateDirectory"] = directory[$"{side}-state"],
        ["Control"] = new JsonObject { ["Listen"] = new JsonArray($"unix:{directory[$"{side}-control"]}") },
        [nameof(Guest)] = new JsonObject { ["Listen"] = Listen(directory, $"{side}-guest") },
        ["Disks"] = new JsonArray(new JsonObject { [nameof(Name)] = Disk, ["Path"] = directory[$"{side}.raw"] }),
    };

    private static JsonArray Listen(TempDirectory directory, string name) => [NbdAddress.Unix(directory[name]).ToString()];

    private static NodeClient Open(NodeSide side, OwnNode node)
    {
        if (!NodeAddress.TryParse(node.Address("control"), out NodeAddress? address, out string? reason))
            throw new UnreachableException($"the node's own address {reason}");
        return new NodeClient(side, address, s_patience, TimeProvider.System);
    }
}
