using System.Text.Json.Nodes;
using Colo.Protocol.V1;
using Grpc.Net.Client;
using Replication.Nbd;
using Replication.Protos;

namespace Replication.Interop.Support;

/// <summary>One side of a pair: its directory, its configuration file, its disks, and the process that serves them, over several lives.</summary>
internal sealed class Node : IAsyncDisposable
{
    private readonly string _binary;
    private readonly List<NodeProcess> _lives = [];
    private GrpcChannel? _channel;

    /// <param name="binary">The host to run.</param>
    /// <param name="directory">The node's own directory, made already.</param>
    /// <param name="settings">What stands in the section "Replication".</param>
    public Node(string binary, string directory, JsonObject settings)
    {
        (_binary, DirectoryPath, Settings) = (binary, directory, settings);
        DiskPaths = [.. settings["Disks"]!.AsArray().Select(d => Path.Combine(directory, d!["Path"]!.GetValue<string>()))];
    }

    public string DirectoryPath { get; }

    /// <summary>May be changed between two lives.</summary>
    public JsonObject Settings { get; }

    /// <summary>The paths of its raw files.</summary>
    public IReadOnlyList<string> DiskPaths { get; }

    public string ConfigurationFile => Path.Combine(DirectoryPath, "node.json");

    /// <summary>The life that began last.</summary>
    public NodeProcess Process => _lives[^1];

    /// <summary>The network namespace that it runs in; null for the test's own.</summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>Where the operator reaches it: the last of its control addresses.</summary>
    public string Control => Process.Addresses("control")[^1];

    /// <summary>Where its peer reaches it.</summary>
    public string ControlForPeer => Process.Addresses("control")[0];

    /// <summary>The guest export of the node, without a disk's name.</summary>
    public NbdAddress Guest => NbdAddress.Parse(Process.Addresses("guest")[0]);

    public NbdAddress Mirror => NbdAddress.Parse(Process.Addresses("mirror")[0]);

    /// <summary>The node's control service, for what must happen faster than a command starts.</summary>
    public ReplicationService.ReplicationServiceClient Service => new(_channel ??= ControlChannel.Open(Control));

    /// <summary>What it has printed in all its lives.</summary>
    public string Log => string.Join("\n-- next life --\n", _lives.Select(life => life.Log));

    /// <summary>Begins a life. The addresses of the first one are kept for all others.</summary>
    public async Task StartAsync()
    {
        WriteConfiguration();
        _channel?.Dispose();
        _channel = null;
        _lives.Add(await NodeProcess.StartAsync(_binary, ConfigurationFile, NetworkNamespace));
        foreach ((string section, string kind) in new[] { ("Control", "control"), ("Guest", "guest"), ("Mirror", "mirror") })
        {
            if (Settings[section]?["Listen"] is not null)
                Settings[section]!["Listen"] = new JsonArray([.. Process.Addresses(kind).Select(a => (JsonNode)a)]);
        }
    }

    public void WriteConfiguration() => File.WriteAllText(ConfigurationFile, new JsonObject { ["Replication"] = Settings.DeepClone() }.ToJsonString());

    public Task<NbdClientNode> ConnectAsync(int disk = 0) => NbdClient.ConnectAsync(Guest, $"disk{disk}");

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        foreach (NodeProcess life in _lives)
            await life.DisposeAsync();
    }
}
