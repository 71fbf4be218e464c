using Replication.Block;
using Replication.Block.Dirty;
using Replication.Block.State;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>
/// The invariant itself, against a model: whatever the order in which the primary disk, the mirror and the marks' file do their work, after every single step
/// every block that differs, or would after the peer's loss of what it has not flushed, is marked in the file.
/// </summary>
public sealed class NoLostDirtTests
{
    private const int Block = MarkFixture.Block;
    private const int DiskBytes = (9 << 20) + 512;
    private const int HotBlocks = 40;

    [Theory]
    [InlineData(Acknowledge.Applied)]
    [InlineData(Acknowledge.Local)]
    public void Every_block_that_may_differ_is_marked_in_the_file_at_every_step(Acknowledge acknowledge)
    {
        Random random = DeterministicRandom.Create();
        for (int i = 0; i < 3; i++)
            PumpContext.Run(async pump => await new Run(acknowledge, random, pump).StepsAsync(100));
    }

    private sealed class Run(Acknowledge acknowledge, Random random, PumpContext pump)
    {
        private readonly FakeTimeProvider _time = new();
        private readonly MemoryNode _local = new(DiskBytes, "disk0");
        private readonly MemoryNode _peer = new(DiskBytes, "peer");
        private readonly MemoryNode _file = new(PersistentBitmap.FileBytes(DiskBytes, Block), "disk0.dirty");
        private readonly List<Task> _writes = [];
        private byte[] _flushed = new byte[DiskBytes]; // the peer's content that a flush has covered
        private readonly byte[] _localNow = new byte[DiskBytes];
        private readonly byte[] _peerNow = new byte[DiskBytes];
        private int _stamp;

        public async Task StepsAsync(int steps)
        {
            var local = new DeferredNode(_local, "disk0") { Immediate = { BlockOperation.Read } };
            var peer = new DeferredNode(_peer, "peer") { Immediate = { BlockOperation.Read } };
            var file = new DeferredNode(_file, "disk0.dirty") { Immediate = { BlockOperation.Write, BlockOperation.WriteZeroes } };
            var marks = new DirtyMarks(await PersistentBitmap.CreateAllocatedAsync(file, DiskBytes, Block), DiskBytes);
            file.Immediate.Remove(BlockOperation.Write);
            var fixture = new MirrorFixture();
            await using var session = new MirrorSession(Guid.NewGuid(), new MirrorSessionOptions { Acknowledge = acknowledge }, fixture.Observer, _time);
            MirrorLink link = session.AddLink("disk0", new TestConnection(peer));
            var quorum = new Replication.Block.Quorums.Quorum("quorum0", local, new(), new(_time), fixture);
            await quorum.MarkAsync(marks);
            var disk = new MarkedDisk(local, quorum, marks, link, await marks.BeginSessionAsync(copyMarked: false));
            await quorum.AddChildAsync(link, link);
            var cleaner = new MarkCleaner(session, [disk], durable: false, _time);
            var copier = new MarkCopier(session, [disk], _time);
            Task copying = copier.RunAsync();
            Task<bool> cleaning = Task.FromResult(true);
            byte[]? flushing = null;
            for (int step = 0; step < steps || local.Pending.Count + peer.Pending.Count + file.Pending.Count > 0; step++)
            {
                // A copy whose mark fails ends the session: what is left of the run only lets everything end.
                if (session.Loss is not null)
                    steps = Math.Min(steps, step);
                int choice = step < steps ? random.Next(100) : 99;
                if (choice < 20)
                    _writes.Add(WriteAsync(quorum));
                else if (choice < 21)
                    _writes.Add(quorum.DiscardAsync(new BlockRange(random.Next(8) * 512, 8 * (1 << 20) + 512 * random.Next(1, 100))).AsTask());
                else if (choice < 35 && cleaning.IsCompleted)
                    cleaning = cleaner.CleanAsync();
                else if (choice < 36 && local.Pending.Count > 0)
                    await FailAsync(local);
                else if (choice < 37 && file.Pending.Count > 0)
                    await FailAsync(file);
                else
                    await ReleaseOneAsync(random.Next(3) switch { 0 => local, 1 => peer, _ => file });
                pump.Pump();
                // What the peer has when a flush begins is what the flush covers.
                if (flushing is null && peer.Pending.Any(request => request.Operation == BlockOperation.Flush))
                    flushing = _peer.Snapshot();
                else if (flushing is not null && peer.Pending.All(request => request.Operation != BlockOperation.Flush))
                    (_flushed, flushing) = (flushing, null);
                await CheckAsync(step);
            }

            // With everything answered, passes leave nothing: what needed a copy has got it.
            for (int last = 0; session.Loss is null && last < 2; last++)
            {
                cleaning = cleaner.CleanAsync();
                for (int turn = 0; turn < 1000 && !cleaning.IsCompleted; turn++)
                {
                    foreach (DeferredNode node in (DeferredNode[])[local, peer, file])
                        await node.ReleaseAllAsync();
                    pump.Pump();
                }

                Assert.True(cleaning.IsCompletedSuccessfully && cleaning.Result);
                Assert.Equal(0, marks.NeedsCopyBytes);
            }

            Assert.True(session.Loss is not null || marks.DirtyBytes == 0);
            // A session that is lost among the first requests leaves a run of a few writes, each of which may have been made to fail.
            Assert.True(session.Loss is not null || _writes.Any(write => write.IsCompletedSuccessfully));
            copier.End();
            pump.Pump();
            Assert.True(copying.IsCompletedSuccessfully);
            foreach (Task write in _writes.Where(write => write.IsFaulted))
                Assert.IsType<BlockException>(write.Exception!.InnerException);
        }

        private Task WriteAsync(BlockNode quorum)
        {
            int lengthBytes = random.Next(3) == 0 ? random.Next(1, 3 * Block) : Block;
            long offset = random.Next(4) == 0 ? random.Next(HotBlocks * Block) : random.Next(HotBlocks) * Block;
            if (random.Next(20) == 0)
                offset = DiskBytes - lengthBytes;
            byte[] data = new byte[lengthBytes];
            Array.Fill(data, (byte)(++_stamp % 250 + 1));
            return quorum.WriteAsync(offset, data).AsTask();
        }

        private async Task ReleaseOneAsync(DeferredNode node)
        {
            IReadOnlyList<DeferredRequest> pending = node.Pending;
            if (pending.Count > 0)
                await pending[random.Next(pending.Count)].ReleaseAsync();
        }

        private async Task FailAsync(DeferredNode node)
        {
            DeferredRequest request = node.Pending[random.Next(node.Pending.Count)];
            if (random.Next(2) == 0)
                await request.ApplyThenFailAsync();
            else
                request.Fail();
        }

        private async Task CheckAsync(int step)
        {
            PersistentBitmap found = await PersistentBitmap.LoadAsync(_file, DiskBytes, Block);
            await _local.ReadAsync(0, _localNow);
            await _peer.ReadAsync(0, _peerNow);
            for (int from = 0; from < DiskBytes; from += Block)
            {
                // Most of the disk is equal: large pieces first.
                int lengthBytes = Math.Min(DiskBytes - from, from % (1 << 20) == 0 && IsClean(from, 1 << 20) ? 1 << 20 : Block);
                if (lengthBytes > Block)
                    from += lengthBytes - Block;
                else if (!found.Bits[from / Block] && !IsClean(from, lengthBytes))
                    Assert.Fail($"step {step}: block {from / Block} may differ and is not marked");
            }
        }

        private bool IsClean(int offset, int lengthBytes)
        {
            var range = new Range(offset, Math.Min(offset + lengthBytes, DiskBytes));
            return _localNow.AsSpan(range).SequenceEqual(_peerNow.AsSpan(range)) && _localNow.AsSpan(range).SequenceEqual(_flushed.AsSpan(range));
        }
    }
}
