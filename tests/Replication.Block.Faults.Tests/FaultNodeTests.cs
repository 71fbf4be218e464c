using Replication.Testing;

namespace Replication.Block.Faults.Tests;

public sealed class FaultNodeTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly MemoryNode _child = new(1 << 20, "disk0");
    private readonly FaultInjector _injector;
    private readonly BlockNode _node;

    public FaultNodeTests()
    {
        _injector = new FaultInjector(_time);
        _node = _injector.Decorate(_child);
    }

    [Fact]
    public async Task An_error_meets_the_nth_request_and_only_as_often_as_it_says()
    {
        _injector.Add("node=disk0 op=write nth=2 count=2 error=ENOSPC");
        byte[] data = new byte[512];
        await _node.WriteAsync(0, data);
        await _node.ReadAsync(0, data);
        BlockException error = await BlockAssert.FailsAsync(BlockErrorKind.NoSpace, _node.WriteAsync(0, data));
        Assert.Equal((28, "disk0"), (error.Errno, error.Node));
        await BlockAssert.FailsAsync(BlockErrorKind.NoSpace, _node.WriteAsync(0, data));
        await _node.WriteAsync(0, data);
        Assert.Equal(2, _child.Counts[BlockOperation.Write]);
    }

    [Fact]
    public async Task A_file_switches_a_rule_on_and_off_and_requests_beside_it_are_not_counted()
    {
        using var directory = new TempDirectory();
        _injector.Add($"node=disk0 op=write nth=2 error=EIO while={directory["on"]}");
        byte[] data = new byte[512];
        await _node.WriteAsync(0, data);
        await _node.WriteAsync(0, data);
        await File.WriteAllTextAsync(directory["on"], "");
        await _node.WriteAsync(0, data);
        await BlockAssert.FailsAsync(BlockErrorKind.Io, _node.WriteAsync(0, data));
        File.Delete(directory["on"]);
        await _node.WriteAsync(0, data);
    }

    [Fact]
    public async Task A_range_meets_what_touches_it()
    {
        _injector.Add("node=disk* offset=4KiB length=4KiB error=EIO");
        await _node.WriteAsync(0, new byte[4096]);
        await _node.WriteAsync(8192, new byte[4096]);
        await _node.FlushAsync();
        await BlockAssert.FailsAsync(BlockErrorKind.Io, _node.WriteAsync(4095, new byte[2]));
        await BlockAssert.FailsAsync(BlockErrorKind.Io, _node.ReadAsync(8191, new byte[1]));
        await BlockAssert.FailsAsync(BlockErrorKind.Io, _node.WriteZeroesAsync(new BlockRange(0, 1 << 20)));
        await BlockAssert.FailsAsync(BlockErrorKind.Io, _node.DiscardAsync(new BlockRange(4096, 1)));
    }

    [Theory]
    [InlineData("before", 0)]
    [InlineData("after", 0x77)]
    public async Task An_error_comes_before_the_child_sees_the_request_or_after(string when, byte expected)
    {
        _injector.Add($"node=disk0 op=write when={when} error=EIO");
        await BlockAssert.FailsAsync(_node.WriteAsync(0, Enumerable.Repeat((byte)0x77, 512).ToArray()));
        await BlockAssert.FilledAsync(_child, new BlockRange(0, 512), expected);
    }

    [Fact]
    public async Task A_delay_is_the_time_providers()
    {
        _injector.Add("node=disk0 op=read delay=5ms");
        Task read = _node.ReadAsync(0, new byte[512]).AsTask();
        _time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.False(read.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await read.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_breakpoint_holds_requests_until_they_are_released()
    {
        _injector.Add("node=disk0 op=write break=here");
        Breakpoint here = _injector.Breakpoint("here");
        Task hit = here.WaitForHitsAsync(2);
        Task first = _node.WriteAsync(0, new byte[512]).AsTask();
        Assert.False(hit.IsCompleted);
        Task second = _node.WriteAsync(512, new byte[512]).AsTask();
        await hit.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(0, _child.Counts[BlockOperation.Write]);
        Assert.True(here.ReleaseOne());
        await first.WaitAsync(TestTimeouts.Patience);
        Assert.False(second.IsCompleted);
        here.Release();
        await second.WaitAsync(TestTimeouts.Patience);
        await _node.WriteAsync(0, new byte[512]);
        Assert.Equal(3, here.Hits);
    }

    [Fact]
    public async Task A_removed_rule_meets_nothing()
    {
        FaultRule rule = _injector.Add("node=disk0 error=EIO");
        await BlockAssert.FailsAsync(_node.FlushAsync());
        _injector.Remove(rule);
        await _node.FlushAsync();
    }

    [Fact]
    public async Task Disposing_the_fault_node_disposes_its_child()
    {
        var child = new DisposeProbe();
        await _injector.Decorate(child).DisposeAsync();
        Assert.True(child.Disposed);
    }

    private sealed class DisposeProbe() : BlockNode("probe", 512, NodeCapabilities.AllEmulated)
    {
        public bool Disposed { get; private set; }

        public override ValueTask DisposeAsync()
        {
            Disposed = true;
            return base.DisposeAsync();
        }

        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => default;

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => default;

        protected override ValueTask FlushCore() => default;
    }
}
