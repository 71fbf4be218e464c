using Colo.Protocol.V1;
using Google.Protobuf;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs.Jobs;

public sealed class JobVerbTests : IAsyncLifetime
{
    private FakePairNodes _pair = null!;

    private FakeJobService Jobs => _pair.PrimaryNode.Jobs;

    public static TheoryData<string[], IMessage> Verbs => new()
    {
        { ["pause"], new PauseJobRequest { JobId = "disk0" } },
        { ["resume"], new ResumeJobRequest { JobId = "disk0" } },
        { ["cancel"], new CancelJobRequest { JobId = "disk0" } },
        { ["complete"], new CompleteJobRequest { JobId = "disk0" } },
        { ["finalize"], new FinalizeJobRequest { JobId = "disk0" } },
        { ["set-speed", "2MiB"], new SetJobSpeedRequest { JobId = "disk0", SpeedBytesPerSecond = 2 << 20 } },
    };

    public async ValueTask InitializeAsync() => _pair = await FakePairNodes.StartAsync();

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Theory]
    [MemberData(nameof(Verbs), DisableDiscoveryEnumeration = true)]
    public async Task Each_verb_asks_the_job_and_shows_it(string[] verb, IMessage asked)
    {
        Jobs.Jobs.Add(FakeJobService.Job(JobStatus.Running));
        Run run = await _pair.RunAsync(["job", verb[0], "disk0", .. verb[1..], "--json"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(asked, Assert.Single(Jobs.Seen));
        Assert.Equal("disk0", run.Json.GetProperty("jobs")[0].GetProperty("id").GetString());
    }

    [Fact]
    public async Task A_verb_that_the_job_does_not_take_is_exit_code_4() =>
        (await _pair.RunAsync("job", "dismiss", "disk0")).AssertFailed(4, "dismiss is refused: job 'disk0' is running");

    [Fact]
    public async Task The_jobs_of_both_nodes_are_listed_and_a_dead_node_hides_none()
    {
        Jobs.Jobs.Add(FakeJobService.Job(JobStatus.Paused));
        _pair.SecondaryNode.Jobs.Jobs.Add(FakeJobService.Job(JobStatus.Running, "other"));
        Run both = await _pair.RunAsync("job", "list", "--json");
        Assert.Equal(
            [("primary", "disk0", "paused"), ("secondary", "other", "running")],
            both.Json.GetProperty("jobs").EnumerateArray().Select(job =>
                (job.GetProperty("node").GetString(), job.GetProperty("id").GetString(), job.GetProperty("status").GetString())));
        Assert.Contains("other", (await _pair.RunAsync("job", "list")).Out, StringComparison.Ordinal);
        Run one = await Run.OfAsync("--primary", "http://127.0.0.1:1", "--secondary", _pair.SecondaryNode.Address, "job", "list", "--json");
        Assert.Equal((3, 1), (one.ExitCode, one.Json.GetProperty("jobs").GetArrayLength()));
    }

    [Fact]
    public async Task Waiting_ends_with_the_jobs_and_fails_with_the_one_that_failed()
    {
        Jobs.Jobs.AddRange([FakeJobService.Job(JobStatus.Running), FakeJobService.Job(JobStatus.Running, "disk1", 8)]);
        Jobs.Watched.Add(FakeJobService.Job(JobStatus.Concluded, errno: 125, error: "the job was cancelled"));
        Jobs.Watched.Add(FakeJobService.Job(JobStatus.Concluded, "disk1", 8, 5, "input/output error"));
        Run run = await _pair.RunAsync("job", "wait", "disk0", "disk1", "--json");
        Assert.Equal((1, 2), (run.ExitCode, run.Json.GetProperty("jobs").GetArrayLength()));
        Assert.Contains("job disk1 failed: input/output error", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_that_has_left_the_list_is_told_from_the_events()
    {
        _pair.Primary.EventList.Add(new Event
        {
            Seq = 1,
            Type = "job-completed",
            Text = { ["job"] = "disk0", ["jobType"] = "backup", ["message"] = "no space left" },
            Numbers = { ["errno"] = 28 },
        });
        (int code, string error) = await WaitAsync("disk0");
        Assert.Equal(1, code);
        Assert.Contains("job disk0 failed: no space left", error, StringComparison.Ordinal);
        _pair.Primary.EventList.Add(new Event { Seq = 2, Type = "job-completed", Text = { ["job"] = "disk0", ["jobType"] = "backup" } });
        Assert.Equal((0, ""), await WaitAsync("disk0"));
        (await _pair.RunAsync("job", "wait", "disk9")).AssertFailed(1, "there is no job 'disk9'");
    }

    [Theory]
    [InlineData("speed: 'fast' is not a size", "job", "set-speed", "disk0", "fast")]
    [InlineData("Required command was not provided", "job")]
    [InlineData("Required argument 'JOB' missing", "job", "pause")]
    public async Task A_wrong_line_is_exit_code_2(string message, params string[] args) => (await _pair.RunAsync(args)).AssertFailed(2, message);

    private async Task<(int Code, string Error)> WaitAsync(string id)
    {
        Run run = await _pair.RunAsync("job", "wait", id);
        return (run.ExitCode, run.Error);
    }
}
