using Colo.Protocol.V1;
using Replication.Block;
using Replication.Controller.CommandLine;
using Replication.Controller.Drill.Pair;
using Replication.Controller.Nodes;

namespace Replication.Controller.Tests.Drill;

/// <summary>How a pair in memory can be wrong.</summary>
public enum Fault
{
    None,
    WrongByteInTheViewAtFailover,
    SecondaryWriteLostByFailover,
    UncommittedPrimaryWriteInTheView,
    CheckpointLosesAPrimaryWrite,
    CheckpointKeepsASecondaryWrite,
    DisksCutAtDifferentMoments,
    ReadsMixTwoEpochs,
    CommitLeavesAWrongByteOnDisk,
    PrimaryDiskLacksAnAcknowledgedWrite,
    SecondaryDiskDiffersFromThePrimarys,
    CommitFails,
    CheckpointsAreRefused,
    GuestSeesAnError,
    GuestWaitsForTheOutagesEnd,
    OneOutageIsTwoDetachments,
    SecondaryPromotesItself,
    ViewLosesAWriteInARestart,
    ResyncLeavesAWrongByte,
    ResyncCarriesMoreThanIsMarked,
    OldPrimaryAcknowledgesAgain,
    OldPrimaryAcknowledgesAfterARestart,
    OldPrimaryWritesWhatItRefuses,
}

/// <summary>A pair in memory that does all a real one does in the blink of an eye, and is wrong on demand.</summary>
internal sealed class MemoryPair(Fault fault) : IDrillPair
{
    private const int PageBytes = 4096;

    // Guards all of the bytes, and the marks.
    private readonly Lock _gate = new();
    private byte[][] _primary = [];
    private byte[][] _secondaryDisk = [];
    private byte[][] _view = [];
    private byte[][] _before = [];
    private ulong _epoch = 1;
    private volatile bool _dead;
    private bool _promoted;
    private long _secondaryWrites;
    private readonly HashSet<(int Disk, long Page)> _marked = [];
    private volatile bool _outage; // the secondary cannot be reached
    private volatile bool _detached;
    private int _detachments;
    private volatile TaskCompletionSource _moving = Moving(); // completed: the stopped node runs
    private volatile bool _frozenIsPrimary;
    private bool _restarted;
    private bool _resynced;

    public Task StartAsync(IReadOnlyList<byte[]> contents, CancellationToken cancellationToken)
    {
        (_primary, _secondaryDisk, _view, _before) = (Copy(contents), Copy(contents), Copy(contents), Copy(contents));
        return Task.CompletedTask;
    }

    public Task<BlockNode> ConnectAsync(NodeSide side, int disk, CancellationToken cancellationToken) =>
        Task.FromResult<BlockNode>(new Disk(this, side, disk, _primary[disk].LongLength));

    public async Task<CheckpointResult> CheckpointAsync(CancellationToken cancellationToken)
    {
        if (fault == Fault.CheckpointsAreRefused)
            throw new CliException(ExitCode.Refused, "refused on purpose");
        await Task.Delay(1, cancellationToken);
        bool atOnce = fault != Fault.DisksCutAtDifferentMoments;
        lock (_gate)
        {
            _before = Copy(_view);
            for (int disk = 0; disk < (atOnce ? _primary.Length : 1); disk++)
                Switch(disk);
        }

        for (int disk = 1; disk < _primary.Length && !atOnce; disk++)
        {
            await Task.Delay(60, cancellationToken);
            lock (_gate)
                Switch(disk);
        }

        await Task.Delay(1, cancellationToken);
        return new CheckpointResult(++_epoch, 2, 1, 0, 0, 0);
    }

    public Task<ulong> GetSecondaryEpochAsync(CancellationToken cancellationToken) => Task.FromResult(_epoch);

    public void Kill(NodeSide side)
    {
        if (side == NodeSide.Primary)
            _dead = true;
        else
            Lose();
    }

    public Task RestartAsync(NodeSide side, CancellationToken cancellationToken)
    {
        if (side == NodeSide.Primary)
            (_dead, _restarted) = (false, true);
        else
            _outage = false;
        lock (_gate)
        {
            if (side == NodeSide.Secondary && fault == Fault.ViewLosesAWriteInARestart)
                _view[0][^1] ^= 1;
        }

        return Task.CompletedTask;
    }

    public Task FreezeAsync(NodeSide side, CancellationToken cancellationToken)
    {
        _frozenIsPrimary = side == NodeSide.Primary;
        _moving = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (side == NodeSide.Secondary)
            Lose();
        return Task.CompletedTask;
    }

    public void Thaw(NodeSide side)
    {
        _outage = false;
        _moving.TrySetResult();
    }

    public void CutLink(bool bothWays) => Lose();

    public void HealLink() => _outage = false;

    public Task<NodeStatus> GetStatusAsync(NodeSide side, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            bool itself = fault == Fault.SecondaryPromotesItself && _detachments > 0;
            var status = new NodeStatus
            {
                Generation = new Generation { Number = side == NodeSide.Secondary && (itself || _promoted) ? 2u : 1u },
                Stage = side == NodeSide.Secondary ? NodeStage.Running : _promoted ? NodeStage.Fenced : _detached ? NodeStage.Detached : NodeStage.Replicating,
            };
            status.Disks.Add(new DiskStatus { DirtyBytes = _marked.Count * PageBytes });
            return Task.FromResult(status);
        }
    }

    public Task<long> ResyncAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            long syncedBytes = _marked.Count * PageBytes;
            for (int disk = 0; disk < _primary.Length; disk++)
                _primary[disk].CopyTo(_secondaryDisk[disk], 0);
            _marked.Clear();
            _detached = false;
            _resynced = true;
            return Task.FromResult(fault == Fault.ResyncCarriesMoreThanIsMarked ? syncedBytes + 1 : syncedBytes);
        }
    }

    public Task<int> CountEventsAsync(NodeSide side, string type, CancellationToken cancellationToken) =>
        Task.FromResult(fault == Fault.OneOutageIsTwoDetachments ? 2 * _detachments : _detachments);

    public Task<FailoverResponse> FailoverAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _promoted = true;
            if (fault == Fault.UncommittedPrimaryWriteInTheView)
                _primary[0].AsSpan(0, 1 << 20).CopyTo(_view[0]);
        }

        return Task.FromResult(new FailoverResponse { Generation = new Generation { Number = 2 } });
    }

    public async Task<NodeStatus> WaitCommittedAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(20, cancellationToken);
        return fault == Fault.CommitFails
            ? throw new CliException(ExitCode.Failed, "the commit failed on purpose")
            : new NodeStatus { Stage = NodeStage.Done, CommittedBytes = 1, CommitElapsedMs = 20 };
    }

    public Task StopReplicationAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task ShutDownAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Stream OpenImage(NodeSide side, int disk)
    {
        lock (_gate)
        {
            byte[] image = [.. side == NodeSide.Primary ? _primary[disk] : _promoted ? _view[disk] : _secondaryDisk[disk]];
            bool wrong = (fault, side, _promoted) is (Fault.CommitLeavesAWrongByteOnDisk, NodeSide.Secondary, true)
                or (Fault.PrimaryDiskLacksAnAcknowledgedWrite, NodeSide.Primary, true) or (
                    Fault.SecondaryDiskDiffersFromThePrimarys, NodeSide.Secondary, false);
            wrong |= fault == Fault.ResyncLeavesAWrongByte && side == NodeSide.Secondary && _resynced;
            if (wrong)
                image[image.Length / 2] ^= 0x80;
            return new MemoryStream(image);
        }
    }

    public ValueTask DisposeAsync()
    {
        // Who waits for a node that was left stopped goes on, to its own end.
        _outage = false;
        _moving.TrySetResult();
        return default;
    }

    private static TaskCompletionSource Moving()
    {
        var moving = new TaskCompletionSource();
        moving.SetResult();
        return moving;
    }

    /// <summary>The secondary is gone: the next write of the primary's guest finds out, a little later, and all of them go on alone.</summary>
    private void Lose()
    {
        lock (_gate)
            (_outage, _detached, _detachments) = (true, true, _detachments + 1);
    }

    private static byte[][] Copy(IEnumerable<byte[]> images) => [.. images.Select(i => (byte[])[.. i])];

    private void Switch(int disk)
    {
        byte[] next = [.. _primary[disk]];
        if (fault == Fault.CheckpointLosesAPrimaryWrite)
            _before[disk].AsSpan(0, 1 << 20).CopyTo(next);
        if (fault == Fault.CheckpointKeepsASecondaryWrite)
            _view[disk].AsSpan(1 << 20, 1 << 20).CopyTo(next.AsSpan(1 << 20));
        _view[disk] = next;
    }

    private void Write(NodeSide side, int disk, BlockRange range, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            if (side == NodeSide.Primary)
            {
                data.CopyTo(_primary[disk].AsSpan((int)range.OffsetBytes));
                if (!_detached)
                    data.CopyTo(_secondaryDisk[disk].AsSpan((int)range.OffsetBytes));
                for (long page = range.OffsetBytes / PageBytes; _detached && page <= (range.EndBytes - 1) / PageBytes; page++)
                    _marked.Add((disk, page));
                return;
            }

            bool lost = fault == Fault.SecondaryWriteLostByFailover && _promoted && ++_secondaryWrites is > 10 and < 60;
            if (!lost)
                data.CopyTo(_view[disk].AsSpan((int)range.OffsetBytes));
        }
    }

    private void Read(NodeSide side, int disk, long offsetBytes, Span<byte> buffer)
    {
        lock (_gate)
        {
            byte[] image = side == NodeSide.Primary ? _primary[disk] : _view[disk];
            image.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer);
            if (fault == Fault.ReadsMixTwoEpochs && side == NodeSide.Secondary)
                _before[disk].AsSpan((int)offsetBytes, buffer.Length / 2).CopyTo(buffer);
            // Out of the guests' reach, which would write over it or see it first: only a comparison reads from such an offset.
            bool ofTheEnd = disk == _view.Length - 1 && offsetBytes + buffer.Length == image.Length && offsetBytes % Controller.Drill.Limits.CheckBytes == 0;
            if (fault == Fault.WrongByteInTheViewAtFailover && _promoted && ofTheEnd)
                buffer[^1] ^= 1;
        }
    }

    private sealed class Disk(MemoryPair pair, NodeSide side, int disk, long lengthBytes)
        : BlockNode("memory", lengthBytes, NodeCapabilities.AllNative)
    {
        protected override async ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
        {
            await Task.Yield();
            await pair.MoveAsync(side);
            pair.Read(side, disk, offsetBytes, buffer.Span);
            await Task.Yield();
            ThrowIfDead(BlockOperation.Read);
        }

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
            WriteAsync(new BlockRange(offsetBytes, data.Length), data);

        protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => WriteAsync(range, new byte[range.LengthBytes]);

        protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => WriteAsync(range, new byte[range.LengthBytes]);

        protected override ValueTask FlushCore() => default;

        protected override ValueTask<Extent> StatusCore(BlockRange range) => new(new Extent(range.LengthBytes, ExtentFlags.Data));

        private async ValueTask WriteAsync(BlockRange range, ReadOnlyMemory<byte> data)
        {
            // Slow enough that a checkpoint meets few of the disk's ranges, as on a real pair.
            await Task.Delay(1);
            await pair.MoveAsync(side);
            ThrowIfDead(BlockOperation.Write);
            if (pair.Refuses(side))
            {
                if (pair.WritesWhatItRefuses)
                    pair.Write(side, disk, range, data.Span);
                throw Error(BlockErrorKind.Io, BlockOperation.Write, range, "fenced");
            }

            pair.Write(side, disk, range, data.Span);
            await Task.Yield();
            ThrowIfDead(BlockOperation.Write);
            if (pair.Fails(side))
                throw Error(BlockErrorKind.Io, BlockOperation.Write, range, "failed on purpose");
        }

        private void ThrowIfDead(BlockOperation operation)
        {
            if (side == NodeSide.Primary && pair._dead)
                throw Error(BlockErrorKind.Shutdown, operation, default, "killed");
        }
    }

    private bool WritesWhatItRefuses => fault == Fault.OldPrimaryWritesWhatItRefuses;

    /// <summary>Waits while the node is stopped; a wrong primary's guest waits for its secondary, too.</summary>
    private async Task MoveAsync(NodeSide side)
    {
        if ((side == NodeSide.Primary) == _frozenIsPrimary)
            await _moving.Task;
        while (fault == Fault.GuestWaitsForTheOutagesEnd && side == NodeSide.Primary && _outage)
            await Task.Delay(1);
    }

    private bool Refuses(NodeSide side) =>
        side == NodeSide.Primary && _promoted && fault != (_restarted ? Fault.OldPrimaryAcknowledgesAfterARestart : Fault.OldPrimaryAcknowledgesAgain);

    private bool Fails(NodeSide side) => fault == Fault.GuestSeesAnError && side == NodeSide.Secondary && Interlocked.Increment(ref _secondaryWrites) > 100;
}
