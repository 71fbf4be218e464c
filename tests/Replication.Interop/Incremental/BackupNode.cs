using Colo.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Replication.Interop.Support;
using Replication.Nbd;
using Replication.Protos;

namespace Replication.Interop.Incremental;

/// <summary>A node that runs, its guests, and its backups into images that QEMU's programs have made.</summary>
internal sealed class BackupNode : IAsyncDisposable
{
    public const long DiskBytes = 64 << 20;

    private readonly Pair _pair;
    private readonly TempDirectory _images = new();
    private readonly List<NbdClientNode> _guests = [];
    private GrpcChannel? _channel;

    private BackupNode(Pair pair) => _pair = pair;

    public Node Node => _pair.Primary;

    public BlockJobService.BlockJobServiceClient Jobs => new(_channel);

    public BitmapService.BitmapServiceClient Bitmaps => new(_channel);

    /// <summary>Of a pair whose secondary does not run: what backups do is the node's own affair.</summary>
    public static async Task<BackupNode> StartAsync(Pair pair)
    {
        var node = new BackupNode(pair);
        await pair.Primary.StartAsync();
        await node.ConnectAsync();
        for (int disk = 0; disk < node._guests.Count; disk++)
            await node.WriteAsync(disk, Pattern.First);
        return node;
    }

    /// <summary>Disks that are holes.</summary>
    public static PairOptions Options(int disks = 1, params string[] faults) => new()
    {
        DiskLengthsBytes = [.. Enumerable.Repeat(DiskBytes, disks)],
        PrimaryFaults = faults,
        Fill = (_, ofPrimary, ofSecondary) =>
        {
            foreach (string path in new[] { ofPrimary, ofSecondary })
            {
                using FileStream file = File.Create(path);
                file.SetLength(DiskBytes);
            }
        },
    };

    public async Task WriteAsync(int disk, params Pattern[] patterns)
    {
        foreach (Pattern pattern in patterns)
            await Guest.FillAsync(_guests[disk], pattern.OffsetBytes, pattern.LengthBytes, pattern.Value);
    }

    public Task FlushAsync(int disk) => _guests[disk].FlushAsync().AsTask();

    public async Task AddBitmapAsync(string name, int disk = 0, long? granularityBytes = null)
    {
        var bitmap = new BitmapSpec { Device = $"disk{disk}", Name = name, Persistent = true };
        if (granularityBytes is { } bytes)
            bitmap.GranularityBytes = bytes;
        await Bitmaps.AddBitmapAsync(new AddBitmapRequest { Bitmap = bitmap });
    }

    public async Task<BitmapInfo> BitmapAsync(string name, int disk = 0) =>
        (await Bitmaps.ListBitmapsAsync(new ListBitmapsRequest { Device = $"disk{disk}" })).Bitmaps.Single(bitmap => bitmap.Name == name);

    /// <summary>The disk as it is now, for later.</summary>
    public string Reference(string name, int disk = 0)
    {
        string path = _images[name];
        File.WriteAllBytes(path, DiskFile.Read(Node.DiskPaths[disk]));
        return path;
    }

    /// <summary>Makes a qcow2 image over another one, or over nothing.</summary>
    public async Task<string> ImageAsync(string name, string? backing = null, params string[] options)
    {
        string path = _images[name];
        string[] over = backing is null ? [] : ["-b", backing, "-F", "qcow2"];
        await Command.RequireAsync("qemu-img", ["create", "-q", "-f", "qcow2", .. over, .. options, path, $"{DiskBytes}"]);
        return path;
    }

    public static BackupSpec Spec(string target, BackupSync sync, string? bitmap = null, int disk = 0) => new()
    {
        Device = $"disk{disk}",
        Target = target,
        Sync = sync,
        Format = "qcow2",
        Mode = TargetMode.Existing,
        Bitmap = bitmap ?? "",
    };

    /// <summary>A full backup that everything else builds on.</summary>
    public async Task<string> AnchorAsync(string name = "full", int disk = 0)
    {
        string image = await ImageAsync($"{name}.qcow2");
        Succeeded(await RunAsync(Spec(image, BackupSync.Full, disk: disk)));
        return image;
    }

    /// <summary>What a bitmap marks, in an image over another one; it equals the disk as it is now.</summary>
    public async Task<(string Image, string Reference)> IncrementAsync(string name, string backing, string bitmap, int disk = 0)
    {
        string reference = Reference($"{name}.raw", disk);
        string image = await ImageAsync($"{name}.qcow2", backing);
        Succeeded(await RunAsync(Spec(image, BackupSync.Incremental, bitmap, disk)));
        await EqualAsync(image, reference);
        return (image, reference);
    }

    /// <summary>Backups of one grouped transaction, until each has ended; in their order.</summary>
    public async Task<JobInfo[]> RunAsync(params BackupSpec[] backups)
    {
        using AsyncServerStreamingCall<WatchJobsResponse> watch = Watch(backups);
        await watch.ResponseHeadersAsync.WaitAsync(TestTimeouts.Patience);
        var request = new TransactRequest { CompletionMode = CompletionMode.Grouped };
        request.Actions.AddRange(backups.Select(backup => new TransactionAction { Backup = backup }));
        await Jobs.TransactAsync(request);
        return await EndedAsync(watch, backups);
    }

    public AsyncServerStreamingCall<WatchJobsResponse> Watch(params BackupSpec[] backups) =>
        Jobs.WatchJobs(new WatchJobsRequest { JobIds = { backups.Select(backup => backup.Device) } });

    public static async Task<JobInfo[]> EndedAsync(AsyncServerStreamingCall<WatchJobsResponse> watch, params BackupSpec[] backups)
    {
        var ended = new Dictionary<string, JobInfo>();
        while (ended.Count < backups.Length)
        {
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestTimeouts.Patience));
            if (watch.ResponseStream.Current.Job is { Status: JobStatus.Concluded } job)
                ended[job.Id] = job;
        }

        return [.. backups.Select(backup => ended[backup.Device])];
    }

    public static void Succeeded(params JobInfo[] jobs) => Assert.All(jobs, job => Assert.Equal((0, ""), (job.Errno, job.Error)));

    /// <summary>An image, with all that lies below it, holds what a raw file holds; nothing is wrong with it.</summary>
    public static async Task EqualAsync(string image, string reference)
    {
        await Command.RequireAsync("qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, reference);
        await Command.RequireAsync("qemu-img", "check", "-q", image);
        Assert.False(File.Exists(image + ".incomplete"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (NbdClientNode guest in _guests)
            await guest.DisposeAsync();
        _channel?.Dispose();
        _images.Dispose();
    }

    private async Task ConnectAsync()
    {
        _channel = ControlChannel.Open(Node.Control);
        for (int disk = 0; disk < Node.DiskPaths.Count; disk++)
            _guests.Add(await Node.ConnectAsync(disk));
    }
}
