using Replication.Block.Secondary;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

/// <summary>What a mirror's flush says of a session in which something has failed. Invariant Whole.</summary>
public sealed class MirrorFlushTests
{
    [Fact]
    public async Task A_write_that_failed_has_its_own_answer_and_no_flush_fails_for_it()
    {
        HookNode? disk = null;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(disks: 2, prepare: f => f.Wrap["disk0"] = node => disk = new HookNode(node));
        disk!.Fail(BlockOperation.Write);
        await BlockAssert.FailsAsync(BlockErrorKind.Io, fixture.Mirror(0).WriteAsync(0, new byte[512]));
        await fixture.Mirror(0).FlushAsync();
        await fixture.Mirror(1).FlushAsync();
        Assert.True(fixture.Session.Failed);
        Assert.Equal(SwitchOutcome.Refused, (await fixture.TryCheckpointAsync()).Outcome);
    }

    [Fact]
    public async Task A_flush_that_failed_fails_those_behind_it_on_its_disk_alone_until_the_next_session()
    {
        HookNode? disk = null;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(disks: 2, prepare: f => f.Wrap["disk0"] = node => disk = new HookNode(node));
        disk!.Fail(BlockOperation.Flush);
        await BlockAssert.FailsAsync(BlockErrorKind.Io, fixture.Mirror(0).FlushAsync());
        disk.Before = null;
        await BlockAssert.FailsAsync(BlockErrorKind.Io, fixture.Mirror(0).FlushAsync());
        await fixture.Mirror(1).FlushAsync();
        fixture.BeginSession();
        await fixture.Mirror(0).FlushAsync();
    }
}
