using System.Text.Json;
using Colo.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Replication.Control.Tests.Hosting;
using Replication.Protos;
using Replication.Testing;

namespace Replication.Control.Tests.Services.Jobs;

/// <summary>A real node with one disk in this process, and clients of its services.</summary>
internal sealed class JobsHost : IDisposable
{
    public const int DiskBytes = 1 << 20;

    private readonly HostRun _host = new(("Peer", null)) { OpensGroupNode = true };
    private GrpcChannel? _channel;

    public string this[string file] => _host.Directory[file];

    public BlockJobService.BlockJobServiceClient Jobs => new(_channel);

    public BitmapService.BitmapServiceClient Bitmaps => new(_channel);

    public FleeceService.FleeceServiceClient Fleeces => new(_channel);

    public static async Task<JobsHost> StartAsync()
    {
        var host = new JobsHost();
        await File.WriteAllBytesAsync(host["disk0.raw"], Content());
        JsonElement ready = await host._host.StartAsync();
        host._channel = ControlChannel.Open(ready.GetProperty("control")[0].GetString()!);
        return host;
    }

    public static byte[] Content()
    {
        var content = new byte[DiskBytes];
        new Random(4).NextBytes(content);
        return content;
    }

    public BackupSpec Backup(string target, BackupSync sync = BackupSync.Full) => new() { Device = "disk0", Target = this[target], Sync = sync };

    /// <summary>The message of a call that is refused with this status.</summary>
    public static async Task<string> RefusalAsync<T>(StatusCode status, AsyncUnaryCall<T> call)
    {
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync.WaitAsync(TestTimeouts.Patience));
        Assert.Equal(status, refusal.StatusCode);
        return refusal.Status.Detail;
    }

    /// <summary>The host ends; its exit code.</summary>
    public Task<int> StopAsync() => _host.StopAsync();

    public void Dispose()
    {
        _channel?.Dispose();
        _host.Dispose();
    }
}
