using Replication.Block;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Storage;

/// <summary>A medium as one process has it open: requests are applied and completed when the scheduler says, in any order.</summary>
internal sealed class MediumNode : BlockNode
{
    private readonly Medium _medium;
    private readonly SimulatedProcess _process;
    private readonly MediumProfile _profile;
    private readonly FaultPlan _faults;

    public MediumNode(string name, Medium medium, SimulatedProcess process, MediumProfile profile, FaultPlan faults)
        : base(name, medium.LengthBytes, NodeCapabilities.AllNative)
    {
        (_medium, _process, _profile, _faults) = (medium, process, profile, faults);
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) =>
        Submit(
            BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length), () => _medium.Content.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer.Span));

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        SubmitWrite(BlockOperation.Write, new BlockRange(offsetBytes, data.Length), data, flags, unmaps: false);

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) =>
        SubmitWrite(BlockOperation.WriteZeroes, range, default, flags, unmaps: !flags.HasFlag(WriteFlags.NoUnmap));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => SubmitWrite(BlockOperation.Discard, range, default, flags, unmaps: true);

    protected override ValueTask FlushCore()
    {
        _medium.Flushes++;
        long mark = _medium.Unflushed?.Mark ?? 0;
        return Submit(BlockOperation.Flush, default, () => _medium.Unflushed?.Flushed(mark));
    }

    protected override ValueTask<Extent> StatusCore(BlockRange range) => new(_medium.Status(range));

    private ValueTask SubmitWrite(BlockOperation operation, BlockRange range, ReadOnlyMemory<byte> data, WriteFlags flags, bool unmaps)
    {
        if (!_process.IsAlive)
            return Never();
        Medium.PendingWrite write = _medium.Begin(range, data, unmaps);
        _faults.WriteSeen(Name, data);
        _faults.CountWrite(Name);
        return Submit(operation, range, () => _medium.Land(write, flags.HasFlag(WriteFlags.Fua)), () => _medium.Tear(write, _process.Scheduler.Random));
    }

    private ValueTask Submit(BlockOperation operation, BlockRange range, Action apply, Action? tear = null)
    {
        if (!_process.IsAlive)
            return Never();
        _process.Scheduler.CheckThread();
        Random random = _process.Scheduler.Random;
        int errno = _faults.Draw(Name, operation);
        if (errno == 0 && operation != BlockOperation.Flush && !_medium.Hangs && random.NextDouble() < _profile.AtOnce)
        {
            apply();
            return default;
        }

        var done = new TaskCompletionSource();
        if (_medium.Hangs)
            _medium.Hold(Begin);
        else
            Begin();
        return new ValueTask(done.Task);

        void Begin() => _process.Scheduler.Schedule(_process, _profile.Delay(random, operation), Arrive);

        // Applied first, answered a little later: others may read in between.
        void Arrive()
        {
            if (errno == 0)
                apply();
            else
                tear?.Invoke();
            _process.Scheduler.Schedule(_process, random.Next(2) == 0 ? 0 : random.NextInt64(_profile.Usual), Answer);
        }

        void Answer()
        {
            if (errno == 0)
                done.SetResult();
            else
                done.SetException(Error(errno == Errno.ENOSPC ? BlockErrorKind.NoSpace : BlockErrorKind.Io, operation, range, "a simulated fault", errno));
        }
    }

    private static ValueTask Never() => new(new TaskCompletionSource().Task);
}
