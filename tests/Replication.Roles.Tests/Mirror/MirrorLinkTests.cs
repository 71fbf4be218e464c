using System.Threading.Tasks.Sources;
using Replication.Block;
using Replication.Block.Dirty;
using Replication.Block.State;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

public sealed class MirrorLinkTests
{
    [Fact]
    public async Task Overlapping_forwards_are_never_in_flight_together_and_keep_their_order()
    {
        await using var f = await AttachedAsync();
        Task[] writes = [.. Enumerable.Range(1, 3).Select(i => f.Quorum.WriteAsync(i * 512, Data(1024, (byte)i)).AsTask())];
        Task apart = f.Quorum.WriteAsync(8192, Data(512, 9)).AsTask();
        Assert.Equal([512, 8192], f.Held.Pending.Select(request => request.Range.OffsetBytes));
        await f.Held.Pending[1].ReleaseAsync();
        Assert.True(apart.IsCompletedSuccessfully);
        Assert.Equal([512], f.Held.Pending.Select(request => request.Range.OffsetBytes));
        for (int i = 0; i < 3; i++)
        {
            Assert.False(writes[i].IsCompleted);
            await Assert.Single(f.Held.Pending).ReleaseAsync();
            Assert.True(writes[i].IsCompletedSuccessfully);
        }

        await f.AssertSameAsync();
        Assert.Equal(4ul, f.Session.AnsweredWrites);
    }

    [Fact]
    public async Task What_does_not_overlap_is_answered_in_any_order()
    {
        await using var f = await AttachedAsync();
        Task[] writes = [.. Enumerable.Range(0, 20).Select(i => f.Quorum.WriteAsync(i * 4096, Data(4096, (byte)i)).AsTask())];
        foreach (DeferredRequest request in f.Held.Pending.Reverse())
            await request.ReleaseAsync();
        await Task.WhenAll(writes);
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task A_large_write_travels_in_pieces_of_a_mebibyte_and_is_counted_so()
    {
        await using var f = await AttachedAsync();
        byte[] data = DeterministicRandom.Create().Bytes((3 << 20) + 700);
        Task write = f.Quorum.WriteAsync(512, data).AsTask();
        Assert.Equal([1 << 20, 1 << 20, 1 << 20, 700], f.Held.Pending.Select(request => request.Range.LengthBytes));
        await f.Held.Pending[3].ReleaseAsync();
        Assert.False(write.IsCompleted);
        await f.ReleaseAllAsync();
        Assert.True(write.IsCompletedSuccessfully);
        Assert.Equal(4ul, f.Session.AnsweredWrites);
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task Zeroing_and_trim_travel_as_zeroing_in_pieces_of_eight_mebibytes()
    {
        await using var f = await AttachedAsync(lengthBytes: 20 << 20);
        await f.LocalDisk.FillAsync(new BlockRange(0, 20 << 20), 0x11);
        await f.PeerDisk.FillAsync(new BlockRange(0, 20 << 20), 0x11);
        Task discard = f.Quorum.DiscardAsync(new BlockRange(1 << 20, 17 << 20)).AsTask();
        Assert.Equal([8 << 20, 8 << 20, 1 << 20], f.Held.Pending.Select(request => request.Range.LengthBytes));
        Assert.All(f.Held.Pending, request => Assert.Equal(BlockOperation.WriteZeroes, request.Operation));
        await f.ReleaseAllAsync();
        await discard;
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task The_number_in_flight_is_bounded_and_the_order_holds_beyond_it()
    {
        await using var f = await AttachedAsync(lengthBytes: 4 << 20);
        const int Count = MirrorLimits.PiecesInFlight + 100;
        Task[] writes = [.. Enumerable.Range(0, Count).Select(i => f.Quorum.WriteAsync(i * 4096, Data(4096, (byte)i)).AsTask())];
        Task again = f.Quorum.WriteAsync((Count - 1) * 4096, Data(4096, 0xee)).AsTask();
        Assert.Equal(MirrorLimits.PiecesInFlight, f.Held.Pending.Count);
        Assert.Equal(Count + 1, f.Session.UnansweredForwards);
        await f.ReleaseAllAsync();
        await Task.WhenAll([.. writes, again]);
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task In_local_mode_a_write_is_done_when_the_local_disk_has_it_and_the_payload_is_its_own()
    {
        await using var f = await AttachedAsync(new MirrorSessionOptions { Acknowledge = Acknowledge.Local });
        byte[] data = Data(4096, 0x42);
        Assert.True(f.Quorum.WriteAsync(0, data).IsCompletedSuccessfully);
        Array.Fill(data, Poison.Value);
        Assert.True(f.Quorum.FlushAsync().IsCompletedSuccessfully);
        Task<DrainResult> drain = f.Session.DrainAsync(TimeSpan.FromSeconds(1));
        Assert.False(drain.IsCompleted);
        await f.ReleaseAllAsync();
        Assert.Equal(DrainResult.Drained, await drain);
        await BlockAssert.FilledAsync(f.PeerDisk, new BlockRange(0, 4096), 0x42);
    }

    [Fact]
    public async Task A_full_window_lets_writes_wait_in_their_order()
    {
        await using var f = await AttachedAsync(new MirrorSessionOptions { Acknowledge = Acknowledge.Local, WindowBytes = 1 << 20 });
        await f.Quorum.WriteAsync(0, Data(1 << 20, 1));
        Task first = f.Quorum.WriteAsync(1 << 20, Data(600_000, 2)).AsTask();
        Task second = f.Quorum.WriteAsync(2 << 20, Data(4096, 3)).AsTask();
        Assert.False(first.IsCompleted || second.IsCompleted);
        await Assert.Single(f.Held.Pending).ReleaseAsync();
        Assert.True(first.IsCompletedSuccessfully && second.IsCompletedSuccessfully);
        await f.ReleaseAllAsync();
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task A_write_larger_than_the_window_has_it_for_itself()
    {
        await using var f = await AttachedAsync(new MirrorSessionOptions { WindowBytes = 1 << 20 });
        Task write = f.Quorum.WriteAsync(0, Data(3 << 20, 1)).AsTask();
        Assert.Equal(3, f.Held.Pending.Count);
        await f.ReleaseAllAsync();
        await write;
    }

    [Fact]
    public async Task Writes_pass_a_long_zeroing_unless_they_touch_it()
    {
        await using var f = await AttachedAsync(lengthBytes: 256 << 20);
        Task zeroing = f.Quorum.WriteZeroesAsync(new BlockRange(0, 128 << 20)).AsTask();
        Assert.Equal(MirrorLimits.ZeroPiecesInFlight, f.Held.Pending.Count);
        Task inside = f.Quorum.WriteAsync(127 << 20, Data(4096, 1)).AsTask();
        Task behindInside = f.Quorum.WriteAsync((127 << 20) + 4000, Data(4096, 2)).AsTask();
        Task apart = f.Quorum.WriteAsync(200 << 20, Data(4096, 3)).AsTask();
        await f.Held.Pending[^1].ReleaseAsync();
        Assert.True(apart.IsCompletedSuccessfully);
        Assert.All(f.Held.Pending, request => Assert.Equal(BlockOperation.WriteZeroes, request.Operation));
        await f.ReleaseAllAsync();
        await Task.WhenAll(zeroing, inside, behindInside);
        await f.AssertSameAsync();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task A_mirrored_write_allocates_nothing(bool answeredLater, bool marking)
    {
        const int Depth = 32;
        const int DiskBytes = 256 << 20;
        var peer = new SinkNode(DiskBytes, answeredLater);
        await using var session = new MirrorSession(Guid.NewGuid(), new MirrorSessionOptions(), new RecordingObserver(), new FakeTimeProvider());
        MirrorLink link = session.AddLink("disk0", new TestConnection(peer));
        var gate = new Replication.Block.Locks.GroupGate(TimeProvider.System);
        var quorum = new Replication.Block.Quorums.Quorum("q", new SinkNode(DiskBytes, false), new(), gate, new MirrorFixture());
        await quorum.AddChildAsync(link, link);
        long step = 0;
        if (marking)
        {
            // Each round marks blocks that were clean.
            await quorum.MarkAsync(await CleanMarksAsync(DiskBytes));
            step = Depth * 4096;
        }

        long offset = 0;
        byte[] data = new byte[4096];
        var writes = new ValueTask[Depth];
        // Long enough for the methods to be compiled for good.
        for (int i = 0; i < 1000; i++)
            await RoundAsync();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            await RoundAsync();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        async ValueTask RoundAsync()
        {
            for (int i = 0; i < Depth; i++)
                writes[i] = quorum.WriteAsync(offset + (i * 4096), data);
            offset += step;
            peer.AnswerAll();
            for (int i = 0; i < Depth; i++)
            {
                if (!writes[i].IsCompletedSuccessfully)
                    throw new InvalidOperationException("the peer has answered");
                await writes[i];
            }
        }
    }

    // Marked and cleared in both phases, so that every leaf of its bitmaps is there.
    private static async Task<DirtyMarks> CleanMarksAsync(long diskBytes)
    {
        var file = new SinkNode(PersistentBitmap.FileBytes(diskBytes, 4096), false);
        var marks = new DirtyMarks(await PersistentBitmap.CreateAllocatedAsync(file, diskBytes, 4096), diskBytes);
        for (int phase = 0; phase < 2; phase++)
        {
            await marks.BeforeWriteAsync(new BlockRange(0, diskBytes));
            await marks.EndPassAsync(marks.TryBeginPass(0)!.Value);
        }

        Assert.Equal(0, marks.DirtyBytes);
        return marks;
    }

    /// <summary>Takes everything and allocates nothing; answers at once or when told.</summary>
    private sealed class SinkNode(long lengthBytes, bool later) : BlockNode("sink", lengthBytes, NodeCapabilities.AllEmulated)
    {
        private readonly Stack<Answer> _idle = new();
        private readonly Queue<Answer> _waiting = new();

        public void AnswerAll()
        {
            while (_waiting.TryDequeue(out Answer? answer))
                answer.Complete();
        }

        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => default;

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
        {
            if (!later)
                return default;
            Answer answer = _idle.TryPop(out Answer? idle) ? idle : new Answer(_idle);
            _waiting.Enqueue(answer);
            return answer.Task;
        }

        protected override ValueTask FlushCore() => default;

        private sealed class Answer(Stack<Answer> pool) : IValueTaskSource
        {
            private ManualResetValueTaskSourceCore<bool> _core;

            public ValueTask Task => new(this, _core.Version);

            public void Complete() => _core.SetResult(true);

            public void GetResult(short token)
            {
                _core.GetResult(token);
                _core.Reset();
                pool.Push(this);
            }

            public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

            public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
                _core.OnCompleted(continuation, state, token, flags);
        }
    }
}
