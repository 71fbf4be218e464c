using System.Text.Json;
using System.Text.Json.Nodes;
using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>A process that serves two disks and copies them when its monitor is asked to; the same commands, whoever's program it is.</summary>
internal sealed class BackupHost : IContestant
{
    /// <summary>The disk that is full of data, and is its guest's.</summary>
    public const string FullDisk = "full";

    /// <summary>The disk of which every other MiB is a hole.</summary>
    public const string HalfDisk = "half";

    private const string Job = "backup";
    private const string Bitmap = "bench";

    private readonly TempDirectory _directory;
    private readonly IAsyncDisposable _process;
    private readonly QmpClient _monitor;
    private bool _hasBitmap;

    private BackupHost(
        string name, TempDirectory directory, IAsyncDisposable process, int processId, QmpClient monitor, NbdAddress guest, IFleecer fleecer)
    {
        (Name, _directory, _process, _monitor, Guest, Fleecer) = (name, directory, process, monitor, guest, fleecer);
        ProcessIds = [processId];
    }

    public string Name { get; }

    public NbdAddress Guest { get; }

    public IReadOnlyList<int> ProcessIds { get; }

    /// <summary>Of the guest's disk.</summary>
    public IFleecer Fleecer { get; }

    public static Task<IContestant> StartOwnAsync(string name, string programs, BenchOptions options, CancellationToken cancellationToken) => StartAsync(
        options, async directory =>
        {
            string monitor = directory["qmp"];
            OwnNode node = await OwnNode.StartAsync(programs, "replication-primary", directory["primary.json"], OwnSettings(directory, monitor));
            try
            {
                NbdAddress guest = NbdAddress.Parse(node.Address("guest")) with { ExportName = FullDisk };
                QmpClient client = await QmpClient.ConnectAsync(monitor, node.Process, cancellationToken);
                return new BackupHost(name, directory, node, node.ProcessId, client, guest, new OwnFleecer(node));
            }
            catch
            {
                await node.DisposeAsync();
                throw;
            }
        });

    public static Task<IContestant> StartQemuAsync(BenchOptions options, CancellationToken cancellationToken) => StartAsync(
        options, async directory =>
        {
            QemuProcess qemu = await QemuProcess.StartAsync(
                "backup", directory, [QemuProcess.Raw(FullDisk, directory[FullDisk]), QemuProcess.Raw(HalfDisk, directory[HalfDisk])], cancellationToken);
            await qemu.ExportAsync(FullDisk, cancellationToken);
            var fleecer = new QemuFleecer(qemu, directory["fleece.qcow2"], options.DiskBytes);
            return new BackupHost("QEMU", directory, qemu, qemu.ProcessId, qemu.Monitor, qemu.Address(FullDisk), fleecer);
        });

    /// <summary>The same with an enabled dirty bitmap on the guest's disk, which is cleared before each load.</summary>
    /// <param name="start">Starts it without.</param>
    /// <param name="isPersistent">Its marks are in a file before what they mark is written.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<IContestant> WithBitmapAsync(
        Func<CancellationToken, Task<IContestant>> start, bool isPersistent, CancellationToken cancellationToken)
    {
        var host = (BackupHost)await start(cancellationToken);
        try
        {
            await host._monitor.RunAsync(
                "block-dirty-bitmap-add", new JsonObject { ["node"] = FullDisk, ["name"] = Bitmap, ["persistent"] = isPersistent }, cancellationToken);
            host._hasBitmap = true;
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public Task PrepareAsync(CancellationToken cancellationToken) => _hasBitmap
        ? _monitor.RunAsync("block-dirty-bitmap-clear", new JsonObject { ["node"] = FullDisk, ["name"] = Bitmap }, cancellationToken)
        : Task.CompletedTask;

    public string DiskPath(string disk) => _directory[disk];

    /// <summary>A name in the place where the disks are; the caller removes what it makes there.</summary>
    public string PathOf(string file) => _directory[file];

    /// <summary>Copies a disk, and returns when the job has succeeded.</summary>
    public async Task BackupAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        await BeginBackupAsync(request, cancellationToken);
        await EndBackupAsync(request, cancellationToken);
    }

    /// <summary>Returns when the job has succeeded.</summary>
    public async Task EndBackupAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        JsonElement end = await _monitor.WaitForAsync("BLOCK_JOB_COMPLETED", cancellationToken);
        if (end.TryGetProperty("error", out JsonElement error))
            throw new BenchException($"{Name}: the backup to {request.Target} failed: {error.GetString()}");
    }

    /// <summary>Returns when the job has begun.</summary>
    public async Task BeginBackupAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        _monitor.ForgetEvents();
        var arguments = new JsonObject
        {
            ["job-id"] = Job,
            ["device"] = request.Disk,
            ["target"] = request.Target,
            ["format"] = request.Format,
            ["sync"] = "full",
            ["speed"] = request.BytesPerSecond,
        };
        if (request.UsesOffload)
            arguments["x-perf"] = new JsonObject { ["use-copy-range"] = true };
        await _monitor.RunAsync("drive-backup", arguments, cancellationToken);
    }

    public async Task CancelBackupAsync(CancellationToken cancellationToken)
    {
        await _monitor.RunAsync("block-job-cancel", new JsonObject { ["device"] = Job }, cancellationToken);
        await _monitor.WaitForAsync("BLOCK_JOB_CANCELLED", cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await Fleecer.DisposeAsync();
        _monitor.Dispose();
        await _process.DisposeAsync();
        _directory.Dispose();
    }

    private static async Task<IContestant> StartAsync(BenchOptions options, Func<TempDirectory, Task<BackupHost>> start)
    {
        var directory = new TempDirectory(options.DiskDirectory);
        try
        {
            DiskImage.Create(directory[FullDisk], options.DiskBytes);
            DiskImage.CreateHalf(directory[HalfDisk], options.DiskBytes);
            return await start(directory);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    private static JsonObject OwnSettings(TempDirectory directory, string monitor) => new()
    {
        ["Group"] = "bench",
        ["StateDirectory"] = directory["state"],
        ["Control"] = new JsonObject { ["Listen"] = new JsonArray($"unix:{directory["control"]}") },
        ["Qmp"] = new JsonObject { ["Listen"] = $"unix:{monitor}" },
        [nameof(Guest)] = new JsonObject { ["Listen"] = new JsonArray(NbdAddress.Unix(directory["guest"]).ToString()) },
        ["Disks"] = new JsonArray(Disk(directory, FullDisk), Disk(directory, HalfDisk)),
    };

    private static JsonObject Disk(TempDirectory directory, string disk) => new() { [nameof(Name)] = disk, ["Path"] = directory[disk] };
}
