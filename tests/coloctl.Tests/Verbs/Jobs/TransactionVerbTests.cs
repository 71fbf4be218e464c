using Colo.Protocol.V1;
using Replication.Controller.Tests.Fakes;
using Replication.Controller.Verbs.Jobs;
using Replication.Testing;

namespace Replication.Controller.Tests.Verbs.Jobs;

public sealed class TransactionVerbTests : IAsyncLifetime
{
    private const string Actions = """
        [ { "type": "block-dirty-bitmap-add", "data": { "node": "disk0", "name": "daily", "granularity": 65536, "persistent": true } },
          { "type": "drive-backup", "data": { "device": "disk0", "target": "/backup/a.qcow2", "format": "qcow2", "sync": "full", "on-source-error": "stop",
            "cbw-timeout": 3, "x-perf": { "max-workers": 8, "use-copy-range": true } } },
          { "type": "block-dirty-bitmap-merge", "data": { "node": "disk0", "target": "daily", "bitmaps": [ "a", { "node": "disk1", "name": "b" } ] } },
          { "type": "checkpoint", "data": {} },
          { "type": "abort" } ]
        """;

    private readonly TempDirectory _directory = new();
    private FakePairNodes _pair = null!;

    public static TransactRequest Expected => new()
    {
        Actions =
        {
            new TransactionAction { BitmapAdd = new BitmapSpec { Device = "disk0", Name = "daily", GranularityBytes = 65536, Persistent = true } },
            new TransactionAction
            {
                Backup = new BackupSpec
                {
                    Device = "disk0",
                    Target = "/backup/a.qcow2",
                    Format = "qcow2",
                    Sync = BackupSync.Full,
                    OnSourceError = ErrorPolicy.Stop,
                    CbwTimeoutMs = 3000,
                    MaxWorkers = 8,
                    UseCopyRange = true,
                },
            },
            new TransactionAction
            {
                BitmapMerge = new BitmapMerge
                {
                    Target = new BitmapName { Device = "disk0", Name = "daily" },
                    Sources = { new BitmapName { Device = "disk0", Name = "a" }, new BitmapName { Device = "disk1", Name = "b" } },
                },
            },
            new TransactionAction { Checkpoint = new CheckpointAction() },
            new TransactionAction { Abort = new AbortAction() },
        },
    };

    public async ValueTask InitializeAsync() => _pair = await FakePairNodes.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _pair.DisposeAsync();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("ACTIONS", CompletionMode.Unspecified)]
    [InlineData("""{ "actions": ACTIONS, "properties": { "completion-mode": "grouped" } }""", CompletionMode.Grouped)]
    [InlineData("""{ "execute": "transaction", "arguments": { "actions": ACTIONS }, "id": 1 }""", CompletionMode.Unspecified)]
    public void A_file_is_what_QMP_is_sent(string form, CompletionMode completion)
    {
        TransactRequest expected = Expected;
        expected.CompletionMode = completion;
        Assert.Equal(expected, TransactionFile.Parse(form.Replace("ACTIONS", Actions, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("no", "is not JSON")]
    [InlineData("[]", "no list, or an empty one")]
    [InlineData("{}", "actions is missing")]
    [InlineData("""[{ "type": "blockdev-snapshot" }]""", "actions[0].type is 'blockdev-snapshot'")]
    [InlineData("""[{ "type": "blockdev-backup" }]""", "here drive-backup names the target itself")]
    [InlineData("""[{ "type": "abort", "data": { "x": 1 } }]""", "actions[0].data has 'x'")]
    [InlineData("""[{ "type": "abort" }, { "type": "drive-backup", "data": { "device": "disk0" } }]""", "actions[1].data lacks 'target'")]
    [InlineData("""[{ "type": "drive-backup", "data": { "device": "disk0", "target": "/a" } }]""", "actions[0].data.sync is missing")]
    [InlineData("""[{ "type": "drive-backup", "data": { "device": "disk0", "target": "a", "sync": "full" } }]""", "relative path")]
    [InlineData("""[{ "type": "drive-backup", "data": { "device": "disk0", "target": "/a", "sync": "all" } }]""", "data.sync is 'all'")]
    [InlineData("""[{ "type": "drive-backup", "data": { "device": 1 } }]""", "target")]
    [InlineData("""[{ "type": "block-dirty-bitmap-add", "data": { "node": "disk0", "name": "b", "persistent": "yes" } }]""", "neither true nor false")]
    [InlineData("""{ "execute": "quit" }""", "is 'quit'")]
    public async Task What_is_wrong_in_a_file_is_named_with_its_place(string text, string message)
    {
        (await RunAsync(text)).AssertFailed(2, message);
        Assert.Empty(_pair.PrimaryNode.Jobs.Seen);
    }

    [Fact]
    public async Task It_waits_for_all_of_its_jobs()
    {
        _pair.PrimaryNode.Jobs.Watched.Add(FakeJobService.Job(JobStatus.Concluded));
        Run run = await RunAsync(Actions, "--completion-mode", "grouped", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        TransactRequest expected = Expected;
        expected.CompletionMode = CompletionMode.Grouped;
        Assert.Equal(expected, Assert.Single(_pair.PrimaryNode.Jobs.Seen));
        Assert.Equal("concluded", Assert.Single(run.Json.GetProperty("jobs").EnumerateArray()).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_dry_run_tells_every_error()
    {
        FakeJobService jobs = _pair.PrimaryNode.Jobs;
        Assert.Equal(0, (await RunAsync(Actions, "--dry-run")).ExitCode);
        jobs.DryRunErrors.AddRange([new ActionError { Index = 1, Message = "no room" }, new ActionError { Index = 4, Message = "an abort action" }]);
        Run run = await RunAsync(Actions, "--dry-run", "--json");
        Assert.Equal(4, run.ExitCode);
        Assert.Equal(
            [(1, "no room"), (4, "an abort action")],
            run.Json.GetProperty("errors").EnumerateArray().Select(error =>
                (error.GetProperty("action").GetInt32(), error.GetProperty("message").GetString())));
        Assert.All(jobs.Seen, request => Assert.True(((TransactRequest)request).DryRun));
    }

    private async Task<Run> RunAsync(string text, params string[] args)
    {
        string file = _directory["transaction.json"];
        await File.WriteAllTextAsync(file, text);
        return await _pair.RunAsync(["transaction", file, .. args]);
    }
}
