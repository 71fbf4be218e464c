using Replication.Block.Replication;
using Replication.Testing;

namespace Replication.Block.Tests.Replication;

public sealed class PrimaryFilterTests
{
    private readonly MemoryNode _mirror = new(65536, "mirror");
    private readonly HookNode _hook;
    private readonly PrimaryFilter _filter;

    public PrimaryFilterTests()
    {
        _hook = new HookNode(_mirror);
        _filter = new PrimaryFilter("disk0.filter", _hook);
    }

    [Fact]
    public async Task Before_the_start_everything_fails()
    {
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, _filter.ReadAsync(0, new byte[512]));
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, _filter.WriteAsync(0, new byte[512]));
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, _filter.FlushAsync());
        Assert.Equal(VerbOutcome.NotRunning, _filter.Run(ReplicationVerb.GetError));
    }

    [Fact]
    public async Task While_it_runs_writes_are_forwarded_and_reads_fail()
    {
        Assert.Equal(VerbOutcome.Perform, _filter.Run(ReplicationVerb.Start));
        Assert.Equal(VerbOutcome.AlreadyRunning, _filter.Run(ReplicationVerb.Start));
        Assert.Equal(VerbOutcome.Nothing, _filter.Run(ReplicationVerb.Checkpoint));
        await _filter.FillAsync(new BlockRange(0, 65536), 0x22);
        await _filter.DiscardAsync(new BlockRange(4096, 100));
        await _filter.FlushAsync();
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, _filter.ReadAsync(0, new byte[512]));
        await BlockAssert.FilledAsync(_mirror, new BlockRange(0, 4096), 0x22);
        await BlockAssert.FilledAsync(_mirror, new BlockRange(4096, 100), 0);
        Assert.Null(_filter.RecordedError);
    }

    [Fact]
    public async Task A_forwarding_error_is_recorded_and_returned_and_cleared_by_the_stop()
    {
        _filter.Run(ReplicationVerb.Start);
        _hook.Fail(BlockOperation.Write);
        BlockException error = await BlockAssert.FailsAsync(BlockErrorKind.Io, _filter.WriteAsync(0, new byte[512]));
        Assert.Same(error, _filter.RecordedError);
        Assert.Equal(VerbOutcome.Perform, _filter.Run(ReplicationVerb.Stop));
        Assert.Equal(ReplicationStage.Done, _filter.Stage);
        Assert.Null(_filter.RecordedError);
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, _filter.WriteAsync(0, new byte[512]));
        Assert.Equal(VerbOutcome.Ignored, _filter.Run(ReplicationVerb.Start));
    }
}
