using System.Text.Json;
using System.Text.Json.Nodes;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Pair;

/// <summary>The files of a drill's pair: disks, state, logs and configurations in one temporary directory, overlays on tmpfs where there is one.</summary>
internal sealed class PairDirectory : IDisposable
{
    private const string SharedMemory = "/dev/shm";

    // A filling epoch, the one being given back, the next pair, and room to spare: sparse, so that it costs what is written.
    private const int OverlayShare = 6;

    private readonly string _overlays;
    private readonly bool _overlaysElsewhere;

    private PairDirectory(string root, string overlays, bool elsewhere)
    {
        Root = root;
        _overlays = overlays;
        _overlaysElsewhere = elsewhere;
    }

    public string Root { get; }

    /// <summary>Keep everything when disposed: somebody has to look at it.</summary>
    public bool Keep { get; set; }

    public static PairDirectory Create(DrillOptions options)
    {
        string root = Directory.CreateTempSubdirectory("coloctl-drill-").FullName;
        bool roomInMemory = Directory.Exists(SharedMemory) && new DriveInfo(SharedMemory).AvailableFreeSpace > OverlayShare * options.Disks * options.SizeBytes;
        string overlays = Path.Combine(roomInMemory ? SharedMemory : root, roomInMemory ? Path.GetFileName(root) : "overlay");
        return new PairDirectory(root, overlays, roomInMemory);
    }

    public string DiskPath(NodeSide side, int disk) => Path.Combine(Root, $"{Name(side)}-disk{disk}.raw");

    public string LogPath(NodeSide side) => Path.Combine(Root, $"{Name(side)}.log");

    public string WriteSecondaryConfig(DrillOptions options, PairShape shape)
    {
        JsonObject config = Common(NodeSide.Secondary, options);
        config["Mirror"] = new JsonObject
        {
            ["Listen"] = Array("nbd://127.0.0.1:0"),
            ["Deadline"] = Ms(shape.LosesSecondary ? options.Outage.Deadline : Limits.MirrorDeadline)
        };
        config["Overlay"] = new JsonObject
        {
            ["Directory"] = _overlays,
            ["Limit"] = $"{OverlayShare * options.Disks * options.SizeBytes}",
            ["SoftLimit"] = $"{OverlayShare * options.Disks * options.SizeBytes / 4 * 3}",
        };
        return Write(NodeSide.Secondary, config);
    }

    public string WritePrimaryConfig(DrillOptions options, PairShape shape, string peerControl, string peerMirror)
    {
        JsonObject config = Common(NodeSide.Primary, options);
        // The drill itself brings a pair back, and says how much travelled.
        config["Mirror"] = new JsonObject { ["Deadline"] = Ms(shape.LosesSecondary ? options.Outage.Deadline : Limits.MirrorDeadline), ["Resync"] = "manual" };
        config["Peer"] = new JsonObject { ["Control"] = peerControl, ["Mirror"] = peerMirror };
        return Write(NodeSide.Primary, config);
    }

    /// <summary>The next life of a node has the addresses of the first one.</summary>
    public string KeepAddresses(NodeSide side, ReadyLine ready)
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(ConfigPath(side)))!["Replication"]!.DeepClone().AsObject();
        foreach ((string section, IReadOnlyList<string> addresses) in new[] { ("Control", ready.Control), ("Guest", ready.Guest), ("Mirror", ready.Mirror) })
        {
            if (config[section]?["Listen"] is not null)
                config[section]!["Listen"] = new JsonArray([.. addresses.Select(a => (JsonNode)a)]);
        }

        return Write(side, config);
    }

    public void Dispose()
    {
        if (!Keep)
            Directory.Delete(Root, recursive: true);
        if (!_overlaysElsewhere || !Directory.Exists(_overlays))
            return;
        // Memory is no place to keep things: what must be kept moves to the disk.
        if (Keep)
            CopyOverlays();
        Directory.Delete(_overlays, recursive: true);
    }

    private string ConfigPath(NodeSide side) => Path.Combine(Root, $"{Name(side)}.json");

    private static string Name(NodeSide side) => side == NodeSide.Primary ? "primary" : "secondary";

    private static string Ms(TimeSpan time) => $"{(long)time.TotalMilliseconds}ms";

    private static JsonArray Array(string value) => [value];

    private JsonObject Common(NodeSide side, DrillOptions options) => new()
    {
        ["Group"] = "drill",
        ["StateDirectory"] = Path.Combine(Root, $"{Name(side)}-state"),
        ["Control"] = new JsonObject { ["Listen"] = Array("http://127.0.0.1:0") },
        ["Guest"] = new JsonObject { ["Listen"] = Array("nbd://127.0.0.1:0") },
        ["Disks"] = new JsonArray([.. Enumerable.Range(0, options.Disks).Select(d => new JsonObject { ["Name"] = $"disk{d}", ["Path"] = DiskPath(side, d) })]),
    };

    private string Write(NodeSide side, JsonObject config)
    {
        string path = ConfigPath(side);
        File.WriteAllText(path, new JsonObject { ["Replication"] = config }.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
        return path;
    }

    private void CopyOverlays()
    {
        foreach (string source in Directory.EnumerateFiles(_overlays, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(Root, "overlay", Path.GetRelativePath(_overlays, source));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(source, target);
        }
    }
}
