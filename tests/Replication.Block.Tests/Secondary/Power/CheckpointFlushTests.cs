using Replication.Block.Secondary;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary.Power;

/// <summary>
/// What a checkpoint under <c>Durability: power</c> does with what the mirror has written and no flush has covered. Invariants View, Atomic, Whole.
/// </summary>
public sealed class CheckpointFlushTests
{
    private static readonly BlockRange s_first = new(0, 2 * PowerGroup.BlockBytes);
    private static readonly BlockRange s_second = new(PowerGroup.BlockBytes, 3 * PowerGroup.BlockBytes);

    private readonly PowerGroup _group = new();
    private readonly MirrorSessionState _session = new(Guid.NewGuid());
    private int _flushes;
    private Func<Task>? _onFlush;

    private BlockNode Mirror => _group.Group.Disks[0].CreateMirrorTarget(_session);

    [Fact]
    public async Task Nothing_is_flushed_under_the_gate_that_the_mirror_has_flushed_before()
    {
        await StartAsync();
        await Mirror.FillAsync(s_first, 0x22);
        await Mirror.FlushAsync();
        _flushes = 0;
        Assert.True((await _group.SwitchAsync(flushesAhead: false)).Switched);
        Assert.Equal(0, _flushes);
        await SurvivesAsync(s_first, 0x22);
    }

    [Fact]
    public async Task What_is_unflushed_is_flushed_under_the_gate()
    {
        await StartAsync();
        await Mirror.FillAsync(s_first, 0x22);
        await Mirror.FlushAsync();
        await Mirror.FillAsync(s_second, 0x33);
        _flushes = 0;
        Assert.True((await _group.SwitchAsync(flushesAhead: false)).Switched);
        Assert.Equal(1, _flushes);
        Assert.Equal(0, _group.Group.Disks[0].HiddenBytes);
        await SurvivesAsync(s_second, 0x33);
    }

    [Fact]
    public async Task On_a_disk_whose_flushes_take_long_what_is_unflushed_is_kept_in_the_next_hidden_disk()
    {
        await StartAsync();
        _group.FlushTakes = TimeSpan.FromSeconds(3);
        await Mirror.FillAsync(s_first, 0x22);
        await Mirror.FlushAsync();
        await Mirror.FillAsync(s_second, 0x33);
        await Mirror.WriteZeroesAsync(new BlockRange(10 * PowerGroup.BlockBytes, PowerGroup.BlockBytes));
        _flushes = 0;
        long before = _group.Time.GetTimestamp();
        Assert.True((await _group.SwitchAsync(flushesAhead: false)).Switched);
        Assert.Equal((0, TimeSpan.Zero), (_flushes, _group.Time.GetElapsedTime(before)));
        Assert.Equal(4 * PowerGroup.BlockBytes, _group.Group.Disks[0].HiddenBytes);
        await SurvivesAsync(s_second, 0x33);

        // The next epoch's writes leave the view as it was, and the checkpoint behind them is one as any other.
        await Mirror.FillAsync(s_second, 0x44);
        await BlockAssert.FilledAsync(_group.Guest, s_second, 0x33);
        await SurvivesAsync(s_second, 0x33);
        Assert.True((await _group.SwitchAsync(flushesAhead: false)).Switched);
        await SurvivesAsync(s_second, 0x44);
        await SurvivesAsync(s_first with { LengthBytes = PowerGroup.BlockBytes }, 0x22);
    }

    [Fact]
    public async Task A_flush_that_is_not_done_in_time_leaves_the_old_epoch_and_the_next_checkpoint_is_taken()
    {
        await StartAsync();
        await Mirror.FillAsync(s_first, 0x22);
        var gate = new TaskCompletionSource();
        _onFlush = () => gate.Task;
        Task<SwitchResult> late = _group.SwitchAsync(flushesAhead: false).AsTask();
        Task<byte[]> waiting = _group.Guest.ReadAllAsync();
        Assert.False(waiting.IsCompleted);
        _group.Time.Advance(TimeSpan.FromSeconds(1));
        SwitchResult timedOut = await late.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(SwitchOutcome.TimedOut, timedOut.Outcome);
        Assert.Contains("not flushed within 1000 ms", timedOut.Reason, StringComparison.Ordinal);
        // The guest goes on in the old epoch, and so does the mirror.
        Assert.Equal(0, (await waiting.WaitAsync(TestTimeouts.Patience))[0]);
        await Mirror.FillAsync(s_second, 0x33);
        _onFlush = null;
        gate.SetResult();
        Assert.False(_session.Failed);
        Assert.True((await _group.SwitchAsync(flushesAhead: false)).Switched);
        await SurvivesAsync(s_second, 0x33);
    }

    [Fact]
    public async Task A_flush_ahead_that_hangs_does_not_keep_a_promotion_for_ever()
    {
        await StartAsync();
        await Mirror.FillAsync(s_first, 0x22);
        var gate = new TaskCompletionSource();
        _onFlush = () => gate.Task;
        Task<SwitchResult> hung = _group.SwitchAsync().AsTask();
        Task<SwitchResult> promotion = _group.Group.PromoteAsync(
            next => next with { GenerationNumber = next.GenerationNumber + 1, GenerationId = Guid.NewGuid() }, TimeSpan.FromSeconds(1)).AsTask();
        _group.Time.Advance(Limits.FlushAheadPatience);
        Assert.Equal(SwitchOutcome.TimedOut, (await hung.WaitAsync(TestTimeouts.Patience)).Outcome);
        Assert.True((await promotion.WaitAsync(TestTimeouts.Patience)).Switched);
        await BlockAssert.FilledAsync(_group.Guest, s_first, 0);
        gate.SetResult();
    }

    [Fact]
    public async Task A_flush_that_fails_under_the_gate_leaves_the_old_epoch_and_no_later_one_makes_it_good()
    {
        await StartAsync();
        await Mirror.FillAsync(s_first, 0x22);
        _onFlush = () => throw new BlockException(BlockErrorKind.Io, "disk0", BlockOperation.Flush, default, "told to fail");
        SwitchResult failed = await _group.SwitchAsync(flushesAhead: false);
        Assert.Equal(SwitchOutcome.Failed, failed.Outcome);
        Assert.True(_session.Failed);
        await BlockAssert.FilledAsync(_group.Guest, s_first, 0);
        _onFlush = null;
        // The kernel tells a lost page once: what is flushed now is not what was lost.
        await BlockAssert.FailsAsync(BlockErrorKind.Io, Mirror.FlushAsync());
        Assert.Equal(SwitchOutcome.Refused, (await _group.SwitchAsync(flushesAhead: false)).Outcome);
        await BlockAssert.FilledAsync(_group.Guest, s_first, 0);
    }

    [Fact]
    public async Task A_flush_that_fails_while_blocks_are_kept_in_the_next_hidden_disk_leaves_the_old_epoch()
    {
        await StartAsync();
        _group.FlushTakes = TimeSpan.FromSeconds(3);
        await Mirror.FlushAsync();
        _group.FlushTakes = TimeSpan.Zero;
        await Mirror.FillAsync(s_first, 0x22);
        var flush = new TaskCompletionSource();
        var copy = new TaskCompletionSource();
        _group.Before = (node, operation) => node switch
        {
            "disk0" when operation == BlockOperation.Flush => flush.Task,
            "disk0.hidden" when operation == BlockOperation.Write => copy.Task,
            _ => Task.CompletedTask,
        };
        Task mirrors = Mirror.FlushAsync().AsTask();
        Task<SwitchResult> late = _group.SwitchAsync(flushesAhead: false).AsTask();
        Assert.False(late.IsCompleted);
        flush.SetException(new BlockException(BlockErrorKind.Io, "disk0", BlockOperation.Flush, default, "told to fail"));
        await Assert.ThrowsAsync<BlockException>(() => mirrors);
        copy.SetResult();
        SwitchResult result = await late.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(SwitchOutcome.Refused, result.Outcome);
        await BlockAssert.FilledAsync(_group.Guest, s_first, 0);
    }

    [Fact]
    public async Task A_next_hidden_disk_that_takes_nothing_leaves_the_flush()
    {
        await StartAsync();
        _group.FlushTakes = TimeSpan.FromSeconds(3);
        await Mirror.FlushAsync();
        _group.FlushTakes = TimeSpan.Zero;
        await Mirror.FillAsync(s_first, 0x22);
        _group.Before = (node, operation) => node switch
        {
            "disk0.hidden" when operation == BlockOperation.Write =>
                throw new BlockException(BlockErrorKind.NoSpace, node, operation, default, "told to be full"),
            "disk0" when operation == BlockOperation.Flush => CountAsync(),
            _ => Task.CompletedTask,
        };
        _flushes = 0;
        Assert.True((await _group.SwitchAsync(flushesAhead: false)).Switched);
        Assert.Equal(1, _flushes);
        _group.Before = null;
        await SurvivesAsync(s_first, 0x22);
    }

    private async Task StartAsync()
    {
        _group.Before = (node, operation) => node == "disk0" && operation == BlockOperation.Flush ? CountAsync() : Task.CompletedTask;
        await _group.OpenAsync(afterCrash: false);
        Assert.True((await _group.SwitchAsync()).Switched);
    }

    private Task CountAsync()
    {
        _flushes++;
        return _onFlush?.Invoke() ?? Task.CompletedTask;
    }

    // Whatever a loss of power takes now, the view has this range as it is, and a failover ends in it.
    private async Task SurvivesAsync(BlockRange range, byte value)
    {
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 20; round++)
        {
            _group.CrashNow(random);
            PowerGroup left = _group.Left!;
            await left.OpenAsync(afterCrash: true);
            await BlockAssert.FilledAsync(left.Guest, range, value);
            byte[] view = await left.Guest.ReadAllAsync();
            Assert.True((await left.Group.PromoteAsync(
                next => next with { GenerationNumber = next.GenerationNumber + 1, GenerationId = Guid.NewGuid() }, TimeSpan.FromSeconds(1))).Switched);
            Assert.Equal(CommitOutcome.Done, (await left.Group.CommitAsync()).Outcome);
            BlockAssert.Equal(view, left.Disk.Snapshot());
        }
    }
}
