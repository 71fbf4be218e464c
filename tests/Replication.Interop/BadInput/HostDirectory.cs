using System.Text.Json.Nodes;
using Replication.Interop.Support;

namespace Replication.Interop.BadInput;

/// <summary>A directory with a disk and a configuration that would be accepted as it is.</summary>
internal sealed class HostDirectory : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly string _binary;

    public HostDirectory(string side)
    {
        _binary = side == "primary" ? Binaries.Primary : Binaries.Secondary;
        DiskFile.Fill(_directory["disk0.raw"], 1 << 20, 0x11);
        Settings = JsonNode.Parse(
            """
            {
              "Group": "vm1", "StateDirectory": "state", "Durability": "process",
              "Control": { "Listen": [ "http://127.0.0.1:0" ] },
              "Guest": { "Listen": [ "nbd://127.0.0.1:0" ] },
              "Peer": { "Control": "http://127.0.0.1:7102", "Mirror": "nbd://127.0.0.1:10909", "WaitAtStart": "30s" },
              "Mirror": { "Listen": [ "nbd://127.0.0.1:0" ], "AllowPlain": false, "Acknowledge": "applied",
                "Deadline": "500ms", "Window": "64MiB", "Resync": "auto" },
              "Overlay": { "Directory": "overlay", "BlockSize": "4KiB", "Limit": "4GiB", "SoftLimit": "3GiB" },
              "Disks": [ { "Name": "disk0", "Path": "disk0.raw", "Format": "raw", "Cache": "writeback" } ]
            }
            """)!.AsObject();
    }

    public string Path => _directory.Path;

    public JsonObject Settings { get; }

    public string this[string name] => _directory[name];

    /// <summary>Sets a key such as <c>Mirror:Deadline</c> to a JSON value; null takes it away.</summary>
    public void Set(string key, string? json)
    {
        string[] segments = key.Split(':');
        JsonNode parent = Settings;
        foreach (string segment in segments[..^1])
            parent = (int.TryParse(segment, out int index) ? parent[index] : parent[segment] ?? (parent[segment] = new JsonObject()))!;
        if (json is null)
            parent.AsObject().Remove(segments[^1]);
        else if (int.TryParse(segments[^1], out int last))
            parent[last] = JsonNode.Parse(json);
        else
            parent[segments[^1]] = JsonNode.Parse(json);
    }

    /// <summary>Writes the configuration; a node for processes that must start.</summary>
    public Node Node()
    {
        var node = new Node(_binary, _directory.Path, Settings);
        node.WriteConfiguration();
        return node;
    }

    /// <summary>The host refuses this directory: exit code 2, one line with all fragments, nothing changed.</summary>
    public async Task RefusedAsync(string[] fragments, string[]? arguments = null, IReadOnlyDictionary<string, string?>? environment = null)
    {
        string configuration = Node().ConfigurationFile;
        string before = DirectorySnapshot.Take(Path);
        CommandResult result = await Command.RunAsync(Binaries.Dotnet, [_binary, .. arguments ?? ["--config", configuration]], environment);
        result.Refused(2, fragments);
        Assert.Equal(before, DirectorySnapshot.Take(Path));
    }

    public void Dispose() => _directory.Dispose();
}
