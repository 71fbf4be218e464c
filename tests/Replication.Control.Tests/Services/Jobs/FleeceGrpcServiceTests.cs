using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Block;
using Replication.Nbd;
using Replication.Testing;

namespace Replication.Control.Tests.Services.Jobs;

/// <summary>Fleeces over gRPC and NBD, on a real node.</summary>
public sealed class FleeceGrpcServiceTests
{
    [Fact]
    public async Task A_disk_as_it_was_is_read_under_its_guest_and_closed()
    {
        using JobsHost host = await JobsHost.StartAsync();
        Fleece opened = await OpenAsync(host, new FleeceSpec { Device = "disk0" });
        Assert.Equal(("disk0.fleece-1", "disk0", JobsHost.DiskBytes, "", 0), (opened.Name, opened.Device, opened.LengthBytes, opened.Bitmap, opened.Errno));
        Assert.InRange(opened.LeaseLeftMs, 3_000_000, 3_600_000);
        Assert.True(opened.QuotaBytes > 0);
        await using NbdClientNode guest = await ConnectAsync(opened, "disk0");
        await using NbdClientNode nameless = await ConnectAsync(opened, "");
        await using NbdClientNode reader = await ConnectAsync(opened, opened.Name);
        await guest.WriteZeroesAsync(new BlockRange(0, JobsHost.DiskBytes));
        await BlockAssert.ContentAsync(reader, 0, JobsHost.Content());
        await BlockAssert.FilledAsync(nameless, new BlockRange(0, JobsHost.DiskBytes), 0);
        Assert.True(reader.IsReadOnly);
        Fleece listed = Assert.Single((await host.Fleeces.ListFleecesAsync(new ListFleecesRequest())).Fleeces);
        Assert.Equal((JobsHost.DiskBytes, 1U), (listed.HeldBytes, listed.Readers));
        Assert.Single(Directory.GetFiles(host["state"], "fleece-*"));

        await host.Fleeces.CloseFleeceAsync(new CloseFleeceRequest { Name = opened.Name });
        Assert.Empty((await host.Fleeces.ListFleecesAsync(new ListFleecesRequest())).Fleeces);
        Assert.Empty(Directory.GetFiles(host["state"], "fleece-*"));
        await Assert.ThrowsAsync<NbdConnectException>(() => ConnectAsync(opened, opened.Name));
        await BlockAssert.FailsAsync(reader.ReadAsync(0, new byte[512]));
        await BlockAssert.FilledAsync(guest, new BlockRange(0, JobsHost.DiskBytes), 0);
    }

    [Fact]
    public async Task Its_end_with_the_node_leaves_nothing()
    {
        using JobsHost host = await JobsHost.StartAsync();
        Fleece opened = await OpenAsync(host, new FleeceSpec { Device = "disk0", Name = "f", Target = host["old.raw"], LeaseMs = 0 });
        Assert.False(opened.HasLeaseLeftMs);
        await using NbdClientNode guest = await ConnectAsync(opened, "disk0");
        await guest.WriteAsync(0, new byte[512]);
        await guest.DisposeAsync();
        Assert.Equal(0, await host.StopAsync());
        byte[] kept = await File.ReadAllBytesAsync(host["old.raw"]);
        Assert.Equal(JobsHost.Content()[..(64 << 10)], kept[..(64 << 10)]);
        Assert.False(File.Exists(host["old.raw.incomplete"]));
    }

    [Fact]
    public async Task A_bitmap_that_was_read_begins_anew()
    {
        using JobsHost host = await JobsHost.StartAsync();
        await host.Bitmaps.AddBitmapAsync(new AddBitmapRequest { Bitmap = new BitmapSpec { Device = "disk0", Name = "b0", Persistent = true } });
        Fleece full = await OpenAsync(host, new FleeceSpec { Device = "disk0", Name = "full" });
        await using NbdClientNode guest = await ConnectAsync(full, "disk0");
        await host.Fleeces.CloseFleeceAsync(new CloseFleeceRequest { Name = "full" });
        await guest.WriteAsync(0, new byte[512]);
        Fleece part = await OpenAsync(host, new FleeceSpec { Device = "disk0", Name = "part", Bitmap = "b0" });
        await guest.WriteAsync(512 << 10, new byte[512]);
        await using (NbdClientNode reader = await ConnectAsync(part, "part"))
        {
            await BlockAssert.FilledAsync(reader, new BlockRange(0, 512), 0);
            await BlockAssert.FailsAsync(reader.ReadAsync(512 << 10, new byte[512]));
        }

        Assert.Contains(
            "busy",
            await JobsHost.RefusalAsync(
                StatusCode.FailedPrecondition,
                host.Bitmaps.RemoveBitmapAsync(new RemoveBitmapRequest { Bitmap = new BitmapName { Device = "disk0", Name = "b0" } })),
            StringComparison.Ordinal);
        await host.Fleeces.CloseFleeceAsync(new CloseFleeceRequest { Name = "part", Done = true });
        BitmapInfo bitmap = Assert.Single((await host.Bitmaps.ListBitmapsAsync(new ListBitmapsRequest())).Bitmaps);
        Assert.Equal((64L << 10, false), (bitmap.CountBytes, bitmap.Busy));
    }

    [Fact]
    public async Task A_lease_is_renewed_and_ends()
    {
        using JobsHost host = await JobsHost.StartAsync();
        await OpenAsync(host, new FleeceSpec { Device = "disk0", Name = "f" });
        RenewFleeceResponse renewed = await host.Fleeces.RenewFleeceAsync(new RenewFleeceRequest { Name = "f", LeaseMs = 7_200_000 });
        Assert.InRange(renewed.Fleece.LeaseLeftMs, 7_000_000, 7_200_000);
        await host.Fleeces.RenewFleeceAsync(new RenewFleeceRequest { Name = "f", LeaseMs = 1 });
        await Eventually.TrueAsync(() => host.Fleeces.ListFleeces(new ListFleecesRequest()).Fleeces.Count == 0);
    }

    [Fact]
    public async Task Wrong_requests_are_told_apart()
    {
        using JobsHost host = await JobsHost.StartAsync();
        Assert.Contains("fleeces[0].device", await RefusalAsync(host, StatusCode.InvalidArgument, new FleeceSpec()), StringComparison.Ordinal);
        Assert.Contains(
            "lease", await RefusalAsync(host, StatusCode.InvalidArgument, new FleeceSpec { Device = "disk0", LeaseMs = 864_000_000 }),
            StringComparison.Ordinal);
        Assert.Contains("there is no disk 'x'", await RefusalAsync(host, StatusCode.NotFound, new FleeceSpec { Device = "x" }), StringComparison.Ordinal);
        Assert.Contains(
            "no bitmap 'x'", await RefusalAsync(host, StatusCode.NotFound, new FleeceSpec { Device = "disk0", Bitmap = "x" }), StringComparison.Ordinal);
        Assert.Contains(
            "a disk's export", await RefusalAsync(host, StatusCode.FailedPrecondition, new FleeceSpec { Device = "disk0", Name = "disk0" }),
            StringComparison.Ordinal);
        Assert.Contains(
            "there is no fleece 'f'",
            await JobsHost.RefusalAsync(StatusCode.NotFound, host.Fleeces.CloseFleeceAsync(new CloseFleeceRequest { Name = "f" })), StringComparison.Ordinal);
    }

    private static async Task<Fleece> OpenAsync(JobsHost host, FleeceSpec spec) =>
        Assert.Single((await host.Fleeces.OpenFleecesAsync(new OpenFleecesRequest { Fleeces = { spec } })).Fleeces);

    private static Task<string> RefusalAsync(JobsHost host, StatusCode status, FleeceSpec spec) =>
        JobsHost.RefusalAsync(status, host.Fleeces.OpenFleecesAsync(new OpenFleecesRequest { Fleeces = { spec } }));

    private static Task<NbdClientNode> ConnectAsync(Fleece fleece, string export) => NbdClient.ConnectAsync(NbdAddress.Parse(fleece.Addresses[0]), export);
}
