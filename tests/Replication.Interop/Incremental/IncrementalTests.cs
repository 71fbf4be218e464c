using System.Text.Json;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Interop.Failures;
using Replication.Interop.Support;

namespace Replication.Interop.Incremental;

/// <summary>Incremental backups of a real node into qcow2 chains, looked at by QEMU's own programs.</summary>
public sealed class IncrementalTests : InteropTest
{
    private const int EIO = 5;
    private const int ECANCELED = 125;

    // 0xab: one granule of 64 KiB; 0xfe: four; 0x64 lies across the border of two.
    private const long BatchABytes = 458752;

    private readonly TempDirectory _switches = new();
    private Pair? _pair;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _switches.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(null)]
    [InlineData(32 << 10)]
    [InlineData(128 << 10)]
    public async Task Every_link_of_a_chain_is_the_disk_at_its_moment(int? granularityBytes)
    {
        await using BackupNode node = await StartAsync();
        string full = await node.AnchorAsync();
        await node.AddBitmapAsync("b0", granularityBytes: granularityBytes);
        var chain = new List<(string Image, string Reference)> { await node.IncrementAsync("inc0", full, "b0") };
        foreach (Pattern[] batch in new[] { Pattern.BatchA, Pattern.BatchB })
        {
            await node.WriteAsync(0, batch);
            chain.Add(await node.IncrementAsync($"inc{chain.Count}", chain[^1].Image, "b0"));
        }

        foreach ((string image, string reference) in chain)
            await BackupNode.EqualAsync(image, reference);
        Assert.Equal(0, (await node.BitmapAsync("b0")).CountBytes);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_link_with_larger_clusters_is_whole_before_it_has_something_below_it()
    {
        await using BackupNode node = await StartAsync();
        string full = await node.AnchorAsync();
        await node.AddBitmapAsync("b0");
        await node.WriteAsync(0, Pattern.BatchA);
        Assert.Equal(BatchABytes, (await node.BitmapAsync("b0")).CountBytes);
        string reference = node.Reference("reference.raw");
        string image = await node.ImageAsync("inc.qcow2", null, "-o", "cluster_size=128k");
        BackupNode.Succeeded(await node.RunAsync(BackupNode.Spec(image, BackupSync.Incremental, "b0")));
        await Command.RequireAsync("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", full, image);
        await BackupNode.EqualAsync(image, reference);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Two_bitmaps_that_a_transaction_clears_with_its_backup_begin_at_its_moment()
    {
        await using BackupNode node = await StartAsync();
        await node.AddBitmapAsync("b0");
        await node.WriteAsync(0, Pattern.BatchA);
        await node.AddBitmapAsync("b1");
        string full = await node.ImageAsync("full.qcow2");
        BackupSpec backup = BackupNode.Spec(full, BackupSync.Full);
        using AsyncServerStreamingCall<WatchJobsResponse> watch = node.Watch(backup);
        await watch.ResponseHeadersAsync;
        await node.Jobs.TransactAsync(new TransactRequest
        {
            Actions =
            {
                new TransactionAction { BitmapClear = new BitmapName { Device = "disk0", Name = "b0" } },
                new TransactionAction { BitmapClear = new BitmapName { Device = "disk0", Name = "b1" } },
                new TransactionAction { Backup = backup },
            },
        });
        BackupNode.Succeeded(await BackupNode.EndedAsync(watch, backup));
        await node.WriteAsync(0, Pattern.BatchB);
        await node.IncrementAsync("of-b0", full, "b0");
        await node.IncrementAsync("of-b1", full, "b1");
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_two_grouped_disks_one_that_fails_takes_the_other_with_it_and_the_next_time_both_succeed(bool firstIsClean)
    {
        var unreadable = new FaultSwitch(_switches, "unreadable");
        await using BackupNode node = await StartAsync(2, unreadable.Rule("node=disk1 op=read error=EIO"));
        string[] full = [await node.AnchorAsync("full0"), await node.AnchorAsync("full1", 1)];
        for (int disk = 0; disk < 2; disk++)
        {
            await node.AddBitmapAsync("b0", disk);
            if (disk == 1 || !firstIsClean)
                await node.WriteAsync(disk, Pattern.BatchA);
        }

        unreadable.On();
        JobInfo[] ended = await node.RunAsync(await IncrementAsync("lost0", 0), await IncrementAsync("lost1", 1));
        Assert.Equal([ECANCELED, EIO], ended.Select(job => job.Errno));
        Assert.Equal(firstIsClean ? 0 : BatchABytes, (await node.BitmapAsync("b0")).CountBytes);
        Assert.Equal(BatchABytes, (await node.BitmapAsync("b0", 1)).CountBytes);
        Assert.Empty((await node.Jobs.ListJobsAsync(new ListJobsRequest())).Jobs);
        JsonElement error = Assert.Single(await EventsAsync(node, "job-error"));
        Assert.Equal(("disk1", "read", "report"), (Text(error, "job"), Text(error, "operation"), Text(error, "action")));

        unreadable.Off();
        string[] references = [node.Reference("reference0.raw"), node.Reference("reference1.raw", 1)];
        BackupSpec[] again = [await IncrementAsync("inc0", 0), await IncrementAsync("inc1", 1)];
        BackupNode.Succeeded(await node.RunAsync(again));
        for (int disk = 0; disk < 2; disk++)
            await BackupNode.EqualAsync(again[disk].Target, references[disk]);
        Assert.Single(await EventsAsync(node, "job-error"));

        async Task<BackupSpec> IncrementAsync(string name, int disk) =>
            BackupNode.Spec(await node.ImageAsync($"{name}.qcow2", full[disk]), BackupSync.Incremental, "b0", disk);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Wrong_bitmaps_are_refused_by_name()
    {
        await using BackupNode node = await StartAsync();
        string image = await node.ImageAsync("inc.qcow2");
        Assert.Contains("name one", await RefusalAsync(null, StatusCode.InvalidArgument), StringComparison.Ordinal);
        Assert.Contains("no bitmap 'b7'", await RefusalAsync("b7", StatusCode.NotFound), StringComparison.Ordinal);
        RpcException odd = await Assert.ThrowsAsync<RpcException>(() => node.AddBitmapAsync("b0", granularityBytes: 64000));
        Assert.Equal(StatusCode.InvalidArgument, odd.StatusCode);
        Assert.Contains("64000", odd.Status.Detail, StringComparison.Ordinal);
        Assert.Empty((await node.Jobs.ListJobsAsync(new ListJobsRequest())).Jobs);

        async Task<string> RefusalAsync(string? bitmap, StatusCode status)
        {
            BackupSpec spec = BackupNode.Spec(image, BackupSync.Incremental, bitmap);
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(
                async () => await node.Jobs.StartBackupAsync(new StartBackupRequest { Backup = spec }));
            Assert.Equal(status, refusal.StatusCode);
            return refusal.Status.Detail;
        }
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task What_an_incremental_that_failed_has_not_saved_is_in_the_next_one()
    {
        var unreadable = new FaultSwitch(_switches, "unreadable");
        await using BackupNode node = await StartAsync(1, unreadable.Rule("node=disk0 op=read count=1 error=EIO"));
        string full = await node.AnchorAsync();
        await node.AddBitmapAsync("b0");
        await node.WriteAsync(0, Pattern.BatchA);
        unreadable.On();
        JobInfo failed = Assert.Single(await node.RunAsync(BackupNode.Spec(await node.ImageAsync("lost.qcow2", full), BackupSync.Incremental, "b0")));
        Assert.Equal(EIO, failed.Errno);
        unreadable.Off();
        await node.WriteAsync(0, Pattern.BatchB);
        await node.IncrementAsync("inc", full, "b0");
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_job_that_stops_at_an_error_holds_its_bitmap_and_goes_on_when_it_is_resumed()
    {
        var unreadable = new FaultSwitch(_switches, "unreadable");
        await using BackupNode node = await StartAsync(1, unreadable.Rule("node=disk0 op=read error=EIO"));
        string full = await node.AnchorAsync();
        await node.AddBitmapAsync("b0");
        await node.WriteAsync(0, Pattern.BatchA);
        string reference = node.Reference("reference.raw");
        BackupSpec backup = BackupNode.Spec(await node.ImageAsync("inc.qcow2", full), BackupSync.Incremental, "b0");
        backup.OnSourceError = ErrorPolicy.Stop;
        using AsyncServerStreamingCall<WatchJobsResponse> watch = node.Watch(backup);
        await watch.ResponseHeadersAsync;
        unreadable.On();
        await node.Jobs.StartBackupAsync(new StartBackupRequest { Backup = backup });
        do
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestTimeouts.Patience));
        while (watch.ResponseStream.Current.Job.Status != JobStatus.Paused);
        Assert.All(await EventsAsync(node, "job-error"), error => Assert.Equal(("read", "stop"), (Text(error, "operation"), Text(error, "action"))));
        BitmapInfo held = await node.BitmapAsync("b0");
        Assert.Equal((BatchABytes, true, true), (held.CountBytes, held.Busy, held.Recording));

        unreadable.Off();
        await node.Jobs.ResumeJobAsync(new ResumeJobRequest { JobId = "disk0" });
        BackupNode.Succeeded(await BackupNode.EndedAsync(watch, backup));
        BitmapInfo free = await node.BitmapAsync("b0");
        Assert.Equal((0L, false, true), (free.CountBytes, free.Busy, free.Recording));
        await BackupNode.EqualAsync(backup.Target, reference);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_disk_whose_length_has_changed_is_refused_and_its_bitmap_with_it()
    {
        await using (BackupNode node = await StartAsync())
            await node.AddBitmapAsync("b0");
        Node primary = _pair!.Primary;
        Assert.Equal(0, await primary.Process.TerminateAsync());
        await using (FileStream disk = File.OpenWrite(primary.DiskPaths[0]))
            disk.SetLength(65 << 20);
        InvalidOperationException refused = await Assert.ThrowsAnyAsync<InvalidOperationException>(primary.StartAsync);
        Assert.Contains("disk0", refused.Message, StringComparison.Ordinal);
    }

    private async Task<BackupNode> StartAsync(int disks = 1, params string[] faults) =>
        await BackupNode.StartAsync(_pair = CreatePair(BackupNode.Options(disks, faults)));

    private static async Task<IReadOnlyList<JsonElement>> EventsAsync(BackupNode node, string type)
    {
        CommandResult events = await Command.RunAsync(Binaries.Dotnet, [Binaries.Coloctl, "--primary", node.Node.Control, "--json", "events"]);
        return [.. events.Ended(0).JsonLines.Where(e => e.GetProperty("type").GetString() == type)];
    }

    private static string? Text(JsonElement entry, string field) => entry.GetProperty(field).GetString();
}
