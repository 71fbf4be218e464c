using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Testing;

namespace Replication.Control.Tests.Services.Jobs;

public sealed class BlockJobGrpcServiceTests
{
    [Fact]
    public async Task A_watcher_that_came_first_sees_all_of_a_backup_and_the_target_equals_the_disk()
    {
        using JobsHost host = await JobsHost.StartAsync();
        using AsyncServerStreamingCall<WatchJobsResponse> watch = host.Jobs.WatchJobs(new WatchJobsRequest { JobIds = { "disk0" } });
        await watch.ResponseHeadersAsync.WaitAsync(TestTimeouts.Patience);
        JobInfo begun = (await host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = host.Backup("backup.raw") })).Job;
        Assert.Equal(("disk0", JobType.Backup, 1UL), (begun.Id, begun.Type, begun.Number));
        Assert.Equal(("disk0", host["backup.raw"], BackupSync.Full, 0UL), (begun.Backup.Device, begun.Backup.Target, begun.Backup.Sync, begun.Backup.Epoch));

        var seen = new List<JobStatus>();
        while (await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestTimeouts.Patience))
        {
            JobInfo job = watch.ResponseStream.Current.Job;
            Assert.Equal(begun.Number, job.Number);
            seen.Add(job.Status);
            if (job.Status != JobStatus.Concluded)
                continue;
            Assert.Equal((0, "", (long)JobsHost.DiskBytes, (long)JobsHost.DiskBytes), (job.Errno, job.Error, job.OffsetBytes, job.LengthBytes));
            break;
        }

        Assert.Equal(
            [JobStatus.Created, JobStatus.Running, JobStatus.Waiting, JobStatus.Pending, JobStatus.Concluded], seen.Distinct());
        Assert.Equal(JobsHost.Content(), await File.ReadAllBytesAsync(host["backup.raw"]));
        Assert.False(File.Exists(host["backup.raw.incomplete"]));
        Assert.Empty((await host.Jobs.ListJobsAsync(new ListJobsRequest())).Jobs);
    }

    [Fact]
    public async Task A_watcher_that_comes_later_is_told_what_there_is_at_once()
    {
        using JobsHost host = await JobsHost.StartAsync();
        await host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = host.Backup("scratch.raw", BackupSync.None) });
        using AsyncServerStreamingCall<WatchJobsResponse> watch = host.Jobs.WatchJobs(new WatchJobsRequest { JobIds = { "disk0", "another" } });
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestTimeouts.Patience));
        Assert.Equal(JobStatus.Running, watch.ResponseStream.Current.Job.Status);

        await host.Jobs.CancelJobAsync(new CancelJobRequest { JobId = "disk0" });
        JobInfo last = watch.ResponseStream.Current.Job;
        while (last.Status != JobStatus.Concluded)
        {
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestTimeouts.Patience));
            last = watch.ResponseStream.Current.Job;
        }

        Assert.Equal((125, "the job was cancelled"), (last.Errno, last.Error));
    }

    [Fact]
    public async Task A_jobs_life_is_in_its_users_hands_where_that_was_asked_for()
    {
        using JobsHost host = await JobsHost.StartAsync();
        using AsyncServerStreamingCall<WatchJobsResponse> watch = host.Jobs.WatchJobs(new WatchJobsRequest { JobIds = { "mine" } });
        await watch.ResponseHeadersAsync.WaitAsync(TestTimeouts.Patience);
        BackupSpec asked = host.Backup("backup.raw");
        (asked.JobId, asked.AutoFinalize, asked.AutoDismiss, asked.SpeedBytesPerSecond, asked.MaxChunkBytes) = ("mine", false, false, 1, 65536);
        await host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = asked });
        Assert.Equal(1, Assert.Single((await host.Jobs.ListJobsAsync(new ListJobsRequest())).Jobs).SpeedBytesPerSecond);
        Assert.Contains(
            "is refused",
            await JobsHost.RefusalAsync(StatusCode.FailedPrecondition, host.Jobs.FinalizeJobAsync(new FinalizeJobRequest { JobId = "mine" })),
            StringComparison.Ordinal);

        await host.Jobs.SetJobSpeedAsync(new SetJobSpeedRequest { JobId = "mine" });
        await UntilAsync(watch, JobStatus.Pending);
        await host.Jobs.FinalizeJobAsync(new FinalizeJobRequest { JobId = "mine" });
        await UntilAsync(watch, JobStatus.Concluded);
        Assert.Equal(JobStatus.Concluded, Assert.Single((await host.Jobs.ListJobsAsync(new ListJobsRequest())).Jobs).Status);
        await host.Jobs.DismissJobAsync(new DismissJobRequest { JobId = "mine" });
        Assert.Equal(
            "there is no job 'mine'",
            await JobsHost.RefusalAsync(StatusCode.NotFound, host.Jobs.PauseJobAsync(new PauseJobRequest { JobId = "mine" })));
    }

    [Fact]
    public async Task A_refusals_status_says_whose_business_it_is()
    {
        using JobsHost host = await JobsHost.StartAsync();
        BackupSpec withoutBitmap = host.Backup("x.raw", BackupSync.Incremental);
        await JobsHost.RefusalAsync(StatusCode.InvalidArgument, host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = withoutBitmap }));
        BackupSpec unknownDisk = host.Backup("x.raw");
        unknownDisk.Device = "disk9";
        await JobsHost.RefusalAsync(StatusCode.NotFound, host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = unknownDisk }));
        BackupSpec unknownBitmap = host.Backup("x.raw", BackupSync.Incremental);
        unknownBitmap.Bitmap = "b9";
        await JobsHost.RefusalAsync(StatusCode.NotFound, host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = unknownBitmap }));
        await JobsHost.RefusalAsync(
            StatusCode.Aborted, host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = host.Backup("no/such/directory.raw") }));
        Assert.Equal(
            "backup.sync is missing",
            await JobsHost.RefusalAsync(
                StatusCode.InvalidArgument,
                host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = new BackupSpec { Device = "disk0", Target = "x" } })));
        Assert.Equal(
            "actions[0] is empty: an action is missing",
            await JobsHost.RefusalAsync(
                StatusCode.InvalidArgument, host.Jobs.TransactAsync(new TransactRequest { Actions = { new TransactionAction() } })));

        await host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = host.Backup("scratch.raw", BackupSync.None) });
        await JobsHost.RefusalAsync(
            StatusCode.FailedPrecondition, host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = host.Backup("second.raw") }));
    }

    [Fact]
    public async Task A_transaction_adds_a_bitmap_and_takes_a_full_backup_at_one_moment_or_does_nothing()
    {
        using JobsHost host = await JobsHost.StartAsync();
        var transaction = new TransactRequest
        {
            Actions =
            {
                new TransactionAction { BitmapAdd = new BitmapSpec { Device = "disk0", Name = "daily", Persistent = true } },
                new TransactionAction { Backup = host.Backup("full.raw") },
                new TransactionAction { Abort = new AbortAction() },
            },
            CompletionMode = CompletionMode.Grouped,
        };
        await JobsHost.RefusalAsync(StatusCode.FailedPrecondition, host.Jobs.TransactAsync(transaction));
        Assert.Empty((await host.Bitmaps.ListBitmapsAsync(new ListBitmapsRequest())).Bitmaps);

        transaction.Actions.RemoveAt(2);
        Assert.Equal("disk0", Assert.Single((await host.Jobs.TransactAsync(transaction)).Jobs).Id);
        BitmapInfo bitmap = Assert.Single((await host.Bitmaps.ListBitmapsAsync(new ListBitmapsRequest { Device = "disk0" })).Bitmaps);
        Assert.Equal(
            ("disk0", "daily", 0L, 65536L, true, true, false),
            (bitmap.Device, bitmap.Name, bitmap.CountBytes, bitmap.GranularityBytes, bitmap.Recording, bitmap.Persistent, bitmap.Inconsistent));
    }

    [Fact]
    public async Task A_dry_run_tells_every_error_and_does_nothing()
    {
        using JobsHost host = await JobsHost.StartAsync();
        BackupSpec unknownBitmap = host.Backup("x.raw", BackupSync.Incremental);
        unknownBitmap.Bitmap = "b9";
        var transaction = new TransactRequest
        {
            Actions =
            {
                new TransactionAction { BitmapAdd = new BitmapSpec { Device = "disk0", Name = "daily" } },
                new TransactionAction { Backup = unknownBitmap },
                new TransactionAction { BitmapClear = new BitmapName { Device = "disk9", Name = "daily" } },
                new TransactionAction { Checkpoint = new CheckpointAction() },
            },
            DryRun = true,
        };
        TransactResponse answer = await host.Jobs.TransactAsync(transaction);
        Assert.Equal([1U, 2U, 3U], answer.Errors.Select(error => error.Index));
        Assert.Contains("'b9'", answer.Errors[0].Message, StringComparison.Ordinal);
        Assert.Contains("'disk9'", answer.Errors[1].Message, StringComparison.Ordinal);
        Assert.Empty((await host.Bitmaps.ListBitmapsAsync(new ListBitmapsRequest())).Bitmaps);
        Assert.False(File.Exists(host["x.raw"]));
    }

    [Fact]
    public async Task Bitmaps_have_their_verbs()
    {
        using JobsHost host = await JobsHost.StartAsync();
        var daily = new BitmapName { Device = "disk0", Name = "daily" };
        var weekly = new BitmapName { Device = "disk0", Name = "weekly" };
        await host.Bitmaps.AddBitmapAsync(new AddBitmapRequest { Bitmap = new BitmapSpec { Device = "disk0", Name = "daily", GranularityBytes = 4096 } });
        await host.Bitmaps.AddBitmapAsync(new AddBitmapRequest { Bitmap = new BitmapSpec { Device = "disk0", Name = "weekly", Disabled = true } });
        await JobsHost.RefusalAsync(
            StatusCode.InvalidArgument,
            host.Bitmaps.AddBitmapAsync(new AddBitmapRequest { Bitmap = new BitmapSpec { Device = "disk0", Name = "x", GranularityBytes = 3 } }));
        await host.Bitmaps.DisableBitmapAsync(new DisableBitmapRequest { Bitmap = daily });
        await host.Bitmaps.EnableBitmapAsync(new EnableBitmapRequest { Bitmap = weekly });
        Assert.Equal(
            [("daily", 4096L, false), ("weekly", 65536L, true)],
            (await host.Bitmaps.ListBitmapsAsync(new ListBitmapsRequest())).Bitmaps.Select(bitmap => (bitmap.Name, bitmap.GranularityBytes, bitmap.Recording)));
        await host.Bitmaps.MergeBitmapsAsync(new MergeBitmapsRequest { Merge = new BitmapMerge { Target = weekly, Sources = { daily } } });
        await host.Bitmaps.ClearBitmapAsync(new ClearBitmapRequest { Bitmap = weekly });
        await host.Bitmaps.RemoveBitmapAsync(new RemoveBitmapRequest { Bitmap = daily });
        await JobsHost.RefusalAsync(StatusCode.NotFound, host.Bitmaps.RemoveBitmapAsync(new RemoveBitmapRequest { Bitmap = daily }));
        await JobsHost.RefusalAsync(StatusCode.NotFound, host.Bitmaps.ListBitmapsAsync(new ListBitmapsRequest { Device = "disk9" }));
        Assert.Equal("weekly", Assert.Single((await host.Bitmaps.ListBitmapsAsync(new ListBitmapsRequest())).Bitmaps).Name);
    }

    [Fact]
    public async Task A_node_ends_while_a_job_runs_and_a_bitmap_is_kept()
    {
        using JobsHost host = await JobsHost.StartAsync();
        await host.Bitmaps.AddBitmapAsync(new AddBitmapRequest { Bitmap = new BitmapSpec { Device = "disk0", Name = "daily", Persistent = true } });
        await host.Jobs.StartBackupAsync(new StartBackupRequest { Backup = host.Backup("scratch.raw", BackupSync.None) });
        Assert.Equal(0, await host.StopAsync());
        Assert.True(File.Exists(host["state/bitmaps"]));
    }

    private static async Task UntilAsync(AsyncServerStreamingCall<WatchJobsResponse> watch, JobStatus status)
    {
        do
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestTimeouts.Patience));
        while (watch.ResponseStream.Current.Job.Status != status);
    }
}
