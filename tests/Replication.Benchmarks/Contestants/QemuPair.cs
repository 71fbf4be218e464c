using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>
/// QEMU's own COLO block replication without guests: on the secondary a replication node over active and hidden qcow2 overlays, on the primary a quorum whose
/// second child writes to the secondary's disk over NBD. Unix sockets throughout: over TCP its server's delays (Nagle) would be all that is seen.
/// </summary>
internal sealed class QemuPair : IPair
{
    private const string Top = "top";
    private const string SecondaryNode = "secondary-disk";

    private readonly TempDirectory _directory;
    private readonly QemuProcess _primary;
    private readonly QemuProcess _secondary;

    private QemuPair(TempDirectory directory, QemuProcess primary, QemuProcess secondary) =>
        (_directory, _primary, _secondary) = (directory, primary, secondary);

    public string Name => "QEMU";

    public NbdAddress Guest => _primary.Address(Top);

    public NbdAddress SecondaryGuest => _secondary.Address(Top);

    public IReadOnlyList<int> ProcessIds => [_primary.ProcessId, _secondary.ProcessId];

    public string PrimaryDisk => _directory["primary.raw"];

    public string SecondaryDisk => _directory["secondary.raw"];

    public static async Task<QemuPair> StartAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        var directory = new TempDirectory(options.DiskDirectory);
        QemuProcess? secondary = null;
        QemuProcess? primary = null;
        try
        {
            foreach (string side in new[] { "primary", "secondary" })
                DiskImage.Create(directory[$"{side}.raw"], options.DiskBytes);
            secondary = await StartSecondaryAsync(directory, options, cancellationToken);
            primary = await QemuProcess.StartAsync(
                "primary", directory, [QemuProcess.Raw("primary-disk", directory["primary.raw"]), Quorum("primary-disk")], cancellationToken);
            await primary.ExportAsync(Top, cancellationToken);
            await ReplicateAsync(primary, secondary, cancellationToken);
            return new QemuPair(directory, primary, secondary);
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

    /// <summary>The guests stand still from before the command until its answer: that is how COLO uses it.</summary>
    public async Task<CheckpointTimes> CheckpointAsync(CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        await _secondary.RunAsync("xen-colo-do-checkpoint", null, cancellationToken);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(began);
        return new CheckpointTimes(elapsed, elapsed);
    }

    public Task PrepareAsync(CancellationToken cancellationToken) => CheckpointAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _primary.DisposeAsync();
        await _secondary.DisposeAsync();
        _directory.Dispose();
    }

    private static async Task<QemuProcess> StartSecondaryAsync(TempDirectory directory, BenchOptions options, CancellationToken cancellationToken)
    {
        JsonObject[] nodes =
        [
            QemuProcess.Raw(SecondaryNode, directory["secondary.raw"]),
            await OverlayAsync(directory, "hidden-disk", SecondaryNode, options.DiskBytes),
            await OverlayAsync(directory, "active-disk", "hidden-disk", options.DiskBytes),
            new() { ["driver"] = "replication", ["node-name"] = "replication", ["mode"] = "secondary", ["top-id"] = Top, ["file"] = "active-disk" },
            Quorum("replication"),
        ];
        QemuProcess secondary = await QemuProcess.StartAsync("secondary", directory, nodes, cancellationToken);
        // Both are offered before the replication starts: it blocks such changes of its top node.
        await secondary.ExportAsync(SecondaryNode, cancellationToken);
        await secondary.ExportAsync(Top, cancellationToken);
        return secondary;
    }

    /// <summary>The secondary first, then the primary's second child, then the primary.</summary>
    private static async Task ReplicateAsync(QemuProcess primary, QemuProcess secondary, CancellationToken cancellationToken)
    {
        await secondary.RunAsync("xen-set-replication", new JsonObject { ["enable"] = true, ["primary"] = false }, cancellationToken);
        var mirror = new JsonObject { ["driver"] = "replication", ["node-name"] = "mirror", ["mode"] = "primary", ["file"] = secondary.Remote(SecondaryNode) };
        await primary.RunAsync("blockdev-add", mirror, cancellationToken);
        await primary.RunAsync("x-blockdev-change", new JsonObject { ["parent"] = Top, ["node"] = "mirror" }, cancellationToken);
        await primary.RunAsync("xen-set-replication", new JsonObject { ["enable"] = true, ["primary"] = true }, cancellationToken);
    }

    private static async Task<JsonObject> OverlayAsync(TempDirectory directory, string name, string backing, long lengthBytes)
    {
        string path = directory[$"{name}.qcow2"];
        (int exitCode, string output) = await Programs.RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", path, lengthBytes.ToString(CultureInfo.InvariantCulture));
        if (exitCode != 0)
            throw new BenchException($"qemu-img create: {output.Trim()}");
        return new() { ["driver"] = "qcow2", ["node-name"] = name, ["backing"] = backing, ["file"] = QemuProcess.File(path) };
    }

    private static JsonObject Quorum(string child) => new()
    {
        ["driver"] = "quorum",
        ["node-name"] = Top,
        ["read-pattern"] = "fifo",
        ["vote-threshold"] = 1,
        ["children"] = new JsonArray(child),
    };
}
