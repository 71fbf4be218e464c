using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs.Jobs;

public sealed class BackupStartTests : IAsyncLifetime
{
    private FakePairNodes _pair = null!;

    private FakeJobService Jobs => _pair.PrimaryNode.Jobs;

    public async ValueTask InitializeAsync() => _pair = await FakePairNodes.StartAsync();

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Fact]
    public async Task Everything_that_is_asked_for_arrives()
    {
        Run run = await StartAsync(
            "--sync", "bitmap", "--job-id", "nightly", "--format", "qcow2", "--mode", "existing", "--backing-file", "full.raw", "--backing-format", "raw",
            "--speed", "50MiB", "--bitmap", "b", "--bitmap-mode", "always", "--compress", "--on-source-error", "stop", "--on-target-error", "enospc",
            "--on-cbw-error", "break-snapshot", "--cbw-timeout", "2s", "--auto-finalize", "false", "--auto-dismiss", "false",
            "--filter-node-name", "filter", "--use-copy-range", "--max-workers", "8", "--max-chunk", "1MiB",
            "--min-cluster-size", "128KiB", "--detach", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var expected = new BackupSpec
        {
            Device = "disk0",
            Target = "/backup/a.raw",
            Sync = BackupSync.Bitmap,
            JobId = "nightly",
            Format = "qcow2",
            Mode = TargetMode.Existing,
            BackingFile = "full.raw",
            BackingFormat = "raw",
            SpeedBytesPerSecond = 50 << 20,
            Bitmap = "b",
            BitmapMode = BitmapMode.Always,
            Compress = true,
            OnSourceError = ErrorPolicy.Stop,
            OnTargetError = ErrorPolicy.Enospc,
            OnCbwError = OnCbwError.BreakSnapshot,
            CbwTimeoutMs = 2000,
            AutoFinalize = false,
            AutoDismiss = false,
            FilterNodeName = "filter",
            UseCopyRange = true,
            MaxWorkers = 8,
            MaxChunkBytes = 1 << 20,
            MinClusterBytes = 128 << 10,
        };
        Assert.Equal(expected, Assert.IsType<StartBackupRequest>(Assert.Single(Jobs.Seen)).Backup);
        Assert.Equal(("nightly", "running"), (run.Json.GetProperty("id").GetString(), run.Json.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task What_is_left_out_is_qemus_default()
    {
        await StartAsync("--sync", "full", "--detach");
        Assert.Equal(
            new BackupSpec { Device = "disk0", Target = "/backup/a.raw", Sync = BackupSync.Full, AutoFinalize = true, AutoDismiss = true },
            Assert.IsType<StartBackupRequest>(Assert.Single(Jobs.Seen)).Backup);
    }

    [Fact]
    public async Task It_waits_for_the_end_and_takes_no_older_job_of_the_name_for_its_own()
    {
        Jobs.Watched.Add(FakeJobService.Job(JobStatus.Concluded, number: 6, errno: 5, error: "another's"));
        Jobs.Watched.Add(FakeJobService.Job(JobStatus.Running));
        Jobs.Watched.Add(FakeJobService.Job(JobStatus.Concluded));
        Run run = await StartAsync("--sync", "full", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement job = run.Json;
        Assert.Equal(
            ("primary", "disk0", "backup", "concluded", 4096, 8192, 5, "full", JsonValueKind.Null),
            (job.GetProperty("node").GetString(), job.GetProperty("id").GetString(), job.GetProperty("type").GetString(), job.GetProperty("status").GetString(),
                job.GetProperty("offsetBytes").GetInt64(), job.GetProperty("lengthBytes").GetInt64(), job.GetProperty("epoch").GetInt64(),
                job.GetProperty("sync").GetString(), job.GetProperty("error").ValueKind));
    }

    [Theory]
    [InlineData(28, "no space left", "job disk0 failed: no space left")]
    [InlineData(125, "the job was cancelled", "job disk0 was cancelled")]
    public async Task A_backup_that_has_not_succeeded_is_exit_code_1_and_its_document_is_printed(int errno, string error, string message)
    {
        Jobs.Watched.Add(FakeJobService.Job(JobStatus.Concluded, errno: errno, error: error));
        Run run = await StartAsync("--sync", "full", "--json");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.Equal((errno, error), (run.Json.GetProperty("errno").GetInt32(), run.Json.GetProperty("error").GetString()));
    }

    [Fact]
    public async Task One_that_waits_for_its_finalisation_is_waited_for_no_longer()
    {
        JobInfo pending = FakeJobService.Job(JobStatus.Pending);
        pending.AutoFinalize = false;
        Jobs.Watched.Add(pending);
        Run run = await StartAsync("--sync", "full", "--auto-finalize", "false");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("coloctl job finalize disk0", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_interrupts_it_is_told_that_the_job_goes_on()
    {
        Jobs.Watched.Add(FakeJobService.Job(JobStatus.Running));
        Jobs.GoesOnTelling = true;
        using var interrupt = new CancellationTokenSource();
        using var output = new StringWriter();
        // Progress is shown of a job that has begun.
        await using var error = new SignallingWriter("disk0 running", () => interrupt.Cancel());
        var environment = new CliEnvironment(output, error, _ => null, false, false, TimeProvider.System);
        int code = await Cli.RunAsync(
            ["--primary", _pair.PrimaryNode.Address, "backup", "start", "disk0", "/backup/a.raw", "--sync", "full"], environment, interrupt.Token);
        Assert.Equal((130, ""), (code, output.ToString()));
        Assert.EndsWith(
            "coloctl: interrupted; job disk0 goes on: coloctl job wait disk0 waits, coloctl job cancel ends" + Environment.NewLine, error.ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_runs_on_the_node_that_is_asked_for()
    {
        await StartAsync("--sync", "full", "--detach", "--node", "secondary");
        Assert.Empty(Jobs.Seen);
        Assert.Single(_pair.SecondaryNode.Jobs.Seen);
        await Run.OfAsync("--secondary", _pair.SecondaryNode.Address, "backup", "start", "disk0", "/backup/a.raw", "--sync", "full", "--detach");
        Assert.Equal(2, _pair.SecondaryNode.Jobs.Seen.Count);
    }

    [Theory]
    [InlineData("Option '--sync' is required", "backup", "start", "disk0", "/a.raw")]
    [InlineData("--sync: 'some' is not one of full, top, none, incremental, bitmap", "backup", "start", "disk0", "/a.raw", "--sync", "some")]
    [InlineData("'a.raw' is a relative path", "backup", "start", "disk0", "a.raw", "--sync", "full")]
    [InlineData("--auto-finalize: 'maybe' is not one of true, false", "backup", "start", "disk0", "/a.raw", "--sync", "full", "--auto-finalize", "maybe")]
    [InlineData("--speed: 'fast' is not a size", "backup", "start", "disk0", "/a.raw", "--sync", "full", "--speed", "fast")]
    public async Task A_wrong_line_is_exit_code_2(string message, params string[] args) => (await _pair.RunAsync(args)).AssertFailed(2, message);

    private Task<Run> StartAsync(params string[] args) => _pair.RunAsync(["backup", "start", "disk0", "/backup/a.raw", .. args]);

    /// <summary>Says when a text has been written to it.</summary>
    private sealed class SignallingWriter(string text, Action written) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value?.Contains(text, StringComparison.Ordinal) == true)
                written();
        }
    }
}
