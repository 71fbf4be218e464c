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

    public string WriteSecondaryConfig(DrillOptions options)
    {
        JsonObject config = Common(NodeSide.Secondary, options);
        config["Mirror"] = new JsonObject { ["Listen"] = Array("nbd://127.0.0.1:0"), ["Deadline"] = MirrorDeadline() };
        config["Overlay"] = new JsonObject
        {
            ["Directory"] = _overlays,
            ["Limit"] = $"{OverlayShare * options.Disks * options.SizeBytes}",
            ["SoftLimit"] = $"{OverlayShare * options.Disks * options.SizeBytes / 4 * 3}",
        };
        return Write(NodeSide.Secondary, config);
    }

    public string WritePrimaryConfig(DrillOptions options, ReadyLine secondary)
    {
        JsonObject config = Common(NodeSide.Primary, options);
        config["Mirror"] = new JsonObject { ["Deadline"] = MirrorDeadline() };
        config["Peer"] = new JsonObject { ["Control"] = secondary.Control[0], ["Mirror"] = secondary.Mirror[0] };
        return Write(NodeSide.Primary, config);
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

    private static string Name(NodeSide side) => side == NodeSide.Primary ? "primary" : "secondary";

    private static string MirrorDeadline() => $"{(long)Limits.MirrorDeadline.TotalMilliseconds}ms";

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
        string path = Path.Combine(Root, $"{Name(side)}.json");
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
