using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs;

public sealed class ResyncAndVerifyTests : IAsyncLifetime
{
    private FakePairNodes _pair = null!;

    public async ValueTask InitializeAsync() => _pair = await FakePairNodes.StartAsync();

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Resync_asks_the_primary_and_prints_what_travelled(bool abandonView)
    {
        _pair.Primary.ResyncAnswer = new ResyncResponse { SyncedBytes = 1L << 40, ElapsedMs = 12 };
        Run run = await _pair.RunAsync(["resync", "--json", .. abandonView ? ["--abandon-view"] : Array.Empty<string>()]);
        Assert.Equal((0, "", """{"syncedBytes":1099511627776,"elapsedMs":12}"""), (run.ExitCode, run.Error, run.Out.TrimEnd()));
        Assert.Equal((abandonView, 1u), (_pair.Primary.ResyncSeen!.AbandonView, _pair.Primary.ResyncSeen.Versions.Maximum));
        Assert.Empty(_pair.Secondary.Calls);
    }

    [Fact]
    public async Task Start_passes_on_that_the_view_may_go()
    {
        _pair.Primary.StartAnswer = new StartResponse { Generation = FakePairNodes.GenerationOf(1) };
        Assert.Equal(0, (await _pair.RunAsync("start", "--abandon-view")).ExitCode);
        Assert.True(_pair.Primary.StartSeen!.AbandonView);
        Assert.False(_pair.Secondary.StartSeen!.AbandonView);
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition, 4)]
    [InlineData(StatusCode.Unavailable, 3)]
    [InlineData(StatusCode.Aborted, 1)]
    public async Task A_resync_that_fails_says_why(StatusCode code, int exitCode)
    {
        _pair.Primary.Failures["Resync"] = new Status(code, "resync is refused: 3 bytes are marked, the overlay has room for 2 bytes");
        (await _pair.RunAsync("resync")).AssertFailed(exitCode, "3 bytes", "2 bytes");
    }

    [Fact]
    public async Task Resync_shows_how_far_it_is_and_may_take_longer_than_the_timeout()
    {
        _pair.Primary.Hung.Add("Resync");
        _pair.Primary.Status = () => new NodeStatus { Progress = new Progress { Activity = "sync", DoneBytes = 1 << 20, TotalBytes = 4 << 20 } };
        Task<Run> run = _pair.RunAsync("resync", "--timeout", "2s");
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        Assert.False(run.IsCompleted);
        _pair.Primary.ReleaseHung();
        Assert.Equal(0, (await run).ExitCode);
        Assert.Contains("sync 25.0 % (1 MiB of 4 MiB)", (await run).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_of_equal_disks_is_done()
    {
        _pair.Primary.VerifyAnswer = new VerifyResponse { ElapsedMs = 7 };
        Run run = await _pair.RunAsync("verify", "--json");
        Assert.Equal((0, "", """{"differingBytes":0,"repairedBytes":0,"elapsedMs":7}"""), (run.ExitCode, run.Error, run.Out.TrimEnd()));
        Assert.False(_pair.Primary.VerifySeen!.Repair);
    }

    [Fact]
    public async Task Verify_of_different_disks_prints_its_result_and_fails()
    {
        _pair.Primary.VerifyAnswer = new VerifyResponse { DifferingBytes = 8192, ElapsedMs = 7 };
        Run run = await _pair.RunAsync("verify", "--json");
        Assert.Equal((1, """{"differingBytes":8192,"repairedBytes":0,"elapsedMs":7}"""), (run.ExitCode, run.Out.TrimEnd()));
        Assert.Contains("8192 bytes", run.Error, StringComparison.Ordinal);
        Assert.Equal("Different: 8 KiB, compared in 7 ms", (await _pair.RunAsync("verify")).Out.TrimEnd());
    }

    [Fact]
    public async Task Verify_that_has_repaired_what_differed_is_done()
    {
        _pair.Primary.VerifyAnswer = new VerifyResponse { DifferingBytes = 8192, RepairedBytes = 8192 };
        Run run = await _pair.RunAsync("verify", "--repair");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.True(_pair.Primary.VerifySeen!.Repair);
        Assert.StartsWith("Different: 8 KiB, of which 8 KiB were repaired", run.Out, StringComparison.Ordinal);
        Assert.Contains("the next checkpoint", run.Out, StringComparison.Ordinal);
    }
}
