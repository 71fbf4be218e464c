using Replication.Block.Locks;
using Replication.Block.Quorums;
using Replication.Testing;

namespace Replication.Block.Tests.Quorums;

public sealed class GuestAdmissionTests : IQuorumObserver
{
    private readonly FakeTimeProvider _time = new();
    private readonly GuestAdmission _admission = new();
    private readonly DeferredNode _local = new(new MemoryNode(1 << 20), "disk0") { Immediate = { BlockOperation.Read, BlockOperation.Flush } };
    private readonly GroupGate _gate;
    private readonly Quorum _primary;
    private readonly Quorum _thin;

    public GuestAdmissionTests()
    {
        _gate = new GroupGate(_time);
        _primary = new Quorum("quorum0", _local, _admission, _gate, this);
        _thin = new Quorum("quorum0", _local, _admission);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Held_writes_wait_while_reads_and_flushes_pass(bool thin)
    {
        Quorum quorum = thin ? _thin : _primary;
        AdmissionHold hold = _admission.Hold(GuestHold.Writes);
        Task write = quorum.WriteAsync(0, new byte[512]).AsTask();
        Assert.True(quorum.ReadAsync(0, new byte[512]).IsCompletedSuccessfully);
        Assert.True(quorum.FlushAsync().IsCompletedSuccessfully);
        Assert.Empty(_local.Pending);
        hold.Release();
        await _local.ReleaseAllAsync();
        await write;
    }

    [Fact]
    public async Task A_write_in_flight_is_acknowledged_under_a_hold_of_writes_and_not_under_one_of_acknowledgements()
    {
        Task write = _primary.WriteAsync(0, new byte[512]).AsTask();
        using (_admission.Hold(GuestHold.Writes))
        {
            await _local.ReleaseAllAsync();
            Assert.True(write.IsCompletedSuccessfully);
        }

        write = _primary.WriteAsync(0, new byte[512]).AsTask();
        Task flush;
        using (_admission.Hold(GuestHold.WritesAndAcknowledgements))
        {
            await _local.ReleaseAllAsync();
            flush = _primary.FlushAsync().AsTask();
            Assert.False(write.IsCompleted || flush.IsCompleted);
        }

        Assert.True(write.IsCompletedSuccessfully && flush.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_stage_that_waits_holds_everything()
    {
        AdmissionHold hold = _admission.Hold(GuestHold.All);
        Task[] requests =
        [
            _primary.ReadAsync(0, new byte[512]).AsTask(), _primary.FlushAsync().AsTask(), _primary.StatusAsync(new BlockRange(0, 512)).AsTask(),
            _primary.WriteAsync(0, new byte[512]).AsTask(),
        ];
        Assert.All(requests, request => Assert.False(request.IsCompleted));
        hold.Release();
        await _local.ReleaseAllAsync();
        await Task.WhenAll(requests).WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task One_holds_end_is_not_anothers()
    {
        AdmissionHold lease = _admission.Hold(GuestHold.Writes);
        AdmissionHold settling = _admission.Hold(GuestHold.WritesAndAcknowledgements);
        Task write = _primary.WriteAsync(0, new byte[512]).AsTask();
        lease.Release();
        lease.Release();
        Assert.Empty(_local.Pending);
        settling.Release();
        await _local.ReleaseAllAsync();
        await write;
    }

    [Fact]
    public async Task A_refusal_outweighs_holds_and_fails_who_waits()
    {
        AdmissionHold hold = _admission.Hold(GuestHold.All);
        Task write = _primary.WriteAsync(0, new byte[512]).AsTask();
        Task read = _primary.ReadAsync(0, new byte[512]).AsTask();
        _admission.RefuseWrites("fenced");
        BlockException error = await Assert.ThrowsAsync<BlockException>(() => write);
        Assert.Equal((BlockErrorKind.Stage, Errno.EIO), (error.Kind, error.Errno));
        Assert.False(read.IsCompleted);
        _admission.RefuseAll("stopped");
        await Assert.ThrowsAsync<BlockException>(() => read);
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, _primary.FlushAsync());
        _admission.Readmit();
        hold.Release();
        await _primary.ReadAsync(0, new byte[512]);
    }

    [Fact]
    public async Task A_hold_and_then_the_gate_leave_no_write_under_way()
    {
        Task before = _primary.WriteAsync(0, new byte[512]).AsTask();
        AdmissionHold hold = _admission.Hold(GuestHold.Writes);
        Task<bool> closed = _gate.CloseAsync(TimeSpan.FromSeconds(1)).AsTask();
        Assert.False(closed.IsCompleted);
        Task after = _primary.WriteAsync(4096, new byte[512]).AsTask();
        await _local.ReleaseAllAsync();
        Assert.True(await closed);
        await before;
        _gate.Open();
        Assert.Empty(_local.Pending);
        Assert.False(after.IsCompleted);
        hold.Release();
        await _local.ReleaseAllAsync();
        await after;
    }

    [Fact]
    public async Task A_write_that_found_the_gate_shut_asks_again_for_admission_behind_it()
    {
        Assert.True(await _gate.CloseAsync(TimeSpan.FromSeconds(1)));
        Task write = _primary.WriteAsync(0, new byte[512]).AsTask();
        AdmissionHold hold = _admission.Hold(GuestHold.Writes);
        _gate.Open();
        Assert.Empty(_local.Pending);
        Assert.True(await _gate.CloseAsync(TimeSpan.FromSeconds(1)));
        _gate.Open();
        hold.Release();
        await _local.ReleaseAllAsync();
        await write;
    }

    void IQuorumObserver.LocalFailed(Quorum quorum, BlockException failure) => Assert.Fail(failure.Message);

    void IQuorumObserver.ForwardFailed(Quorum quorum, BlockException failure, bool localFailedToo) => Assert.Fail(failure.Message);
}
