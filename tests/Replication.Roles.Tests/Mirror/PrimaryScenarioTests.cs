using Replication.Block;
using Replication.Block.Replication;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>QEMU's unit scenarios of the primary: 64 MiB + 512 bytes, the peer's disk filled with 0x11; the filter between quorum and link.</summary>
public sealed class PrimaryScenarioTests : IAsyncLifetime
{
    private const long LengthBytes = (64 << 20) + 512;
    private static readonly BlockRange s_whole = new(0, LengthBytes);

    private readonly MirrorFixture _f = new(lengthBytes: LengthBytes, peer: disk => disk);
    private readonly PrimaryFilter _filter;

    public PrimaryScenarioTests() => _filter = new PrimaryFilter("replication0", _f.Link);

    public async ValueTask InitializeAsync()
    {
        await _f.PeerDisk.FillAsync(s_whole, 0x11);
        await _f.Quorum.AddChildAsync(_filter, _f.Link);
    }

    public ValueTask DisposeAsync() => _f.DisposeAsync();

    [Fact]
    public async Task Primary_read_fails_before_start() => await BlockAssert.FailsAsync(BlockErrorKind.Stage, _filter.ReadAsync(0, new byte[512]));

    [Fact]
    public async Task Primary_write_fails_before_start_and_leaks_no_room_in_the_window()
    {
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, _filter.WriteAsync(0, new byte[512]));
        await _f.Quorum.WriteAsync(0, new byte[512]);
        Assert.Single(_f.ForwardFailures);
        await BlockAssert.FilledAsync(_f.PeerDisk, s_whole, 0x11);
    }

    [Fact]
    public async Task Primary_start_lets_writes_through_and_reads_not()
    {
        Assert.Equal(VerbOutcome.Perform, _filter.Run(ReplicationVerb.Start));
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, _filter.ReadAsync(0, new byte[512]));
        await _f.Quorum.FillAsync(s_whole, 0x22);
        await BlockAssert.FilledAsync(_f.LocalDisk, s_whole, 0x22);
        await BlockAssert.FilledAsync(_f.PeerDisk, s_whole, 0x22);
        await BlockAssert.FilledAsync(_f.Quorum, s_whole, 0x22);
    }

    [Fact]
    public void Primary_stop_with_failover_ends_in_done()
    {
        _filter.Run(ReplicationVerb.Start);
        Assert.Equal(VerbOutcome.Perform, _filter.Run(ReplicationVerb.Stop));
        Assert.Equal(ReplicationStage.Done, _filter.Stage);
    }

    [Fact]
    public async Task Primary_checkpoint_changes_nothing()
    {
        _filter.Run(ReplicationVerb.Start);
        await _f.Quorum.FillAsync(new BlockRange(0, 4096), 0x33);
        _filter.Run(ReplicationVerb.Checkpoint);
        Assert.Equal(ReplicationStage.Running, _filter.Stage);
        await BlockAssert.FilledAsync(_f.LocalDisk, new BlockRange(0, 4096), 0x33);
        await BlockAssert.FilledAsync(_f.PeerDisk, new BlockRange(0, 4096), 0x33);
        await BlockAssert.FilledAsync(_f.PeerDisk, BlockRange.FromBounds(4096, LengthBytes), 0x11);
    }

    [Fact]
    public async Task Primary_get_error_knows_of_none_while_forwards_succeed()
    {
        _filter.Run(ReplicationVerb.Start);
        await _f.Quorum.FillAsync(new BlockRange(0, 4096), 0x33);
        Assert.Null(_filter.RecordedError);
    }
}
