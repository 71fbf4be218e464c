using System.Buffers;
using System.Runtime.CompilerServices;
using Replication.Block.Dirty;
using Replication.Block.Locks;

namespace Replication.Block.Quorums;

/// <summary>Guest writes and copies: what takes the range lock.</summary>
public sealed partial class Quorum
{
    /// <summary>
    /// Brings the mirror's range to the local disk's content, in order with guest writes. Completes when the mirror has answered; returns the bytes that travelled.
    /// </summary>
    /// <param name="range">Not larger than <paramref name="buffer"/>.</param>
    /// <param name="buffer">Scratch memory of the caller's.</param>
    /// <param name="filter">Decides under the lock whether the content travels; null: always.</param>
    /// <exception cref="BlockException">The local disk could not be read, the mirror failed, or there is none.</exception>
    public async ValueTask<long> CopyAsync(BlockRange range, Memory<byte> buffer, CopyFilter? filter = null)
    {
        Invariant.Check(range.LengthBytes <= buffer.Length, "a copy fits its buffer");
        RangeLock.Ticket ticket = await _ranges.AcquireAsync(range);
        ValueTask forward;
        try
        {
            MirrorChild mirror = RequireMirror(range);
            Memory<byte> content = buffer[..(int)range.LengthBytes];
            bool hole = await HoleAsync(range) == range.LengthBytes;
            if (!hole)
                await ObservedReadAsync(_local.ReadAsync(range.OffsetBytes, content));
            if (filter is not null && !filter(range, hole ? default : content.Span))
                return 0;
            forward = await EnqueueCopyAsync(mirror, range, hole ? default : content);
        }
        finally
        {
            _ranges.Release(ticket);
        }

        await forward;
        return range.LengthBytes;
    }

    /// <summary>
    /// The same for a run of marked blocks of any length: copies a hole at its beginning, or else as much as fits the buffer. Returns the bytes that travelled; the rest stays marked as it was.
    /// </summary>
    /// <param name="range">Whole blocks of the marks.</param>
    /// <param name="buffer">Scratch memory of the caller's: whole blocks.</param>
    public async ValueTask<long> CopyMarkedAsync(BlockRange range, Memory<byte> buffer)
    {
        RangeLock.Ticket ticket = await _ranges.AcquireAsync(range);
        ValueTask forward;
        BlockRange copied;
        try
        {
            MirrorChild mirror = RequireMirror(range);
            long holeBytes = await HoleAsync(range);
            // A hole that ends inside a block is that block's data.
            if (holeBytes < range.LengthBytes && _marks is { } marks)
                holeBytes -= holeBytes % marks.BlockSizeBytes;
            copied = range with { LengthBytes = holeBytes > 0 ? holeBytes : Math.Min(range.LengthBytes, buffer.Length) };
            Memory<byte> content = holeBytes > 0 ? default : buffer[..(int)copied.LengthBytes];
            if (holeBytes == 0)
                await _local.ReadAsync(copied.OffsetBytes, content);
            forward = await EnqueueCopyAsync(mirror, copied, content);
        }
        finally
        {
            _ranges.Release(ticket);
        }

        await forward;
        return copied.LengthBytes;
    }

    /// <summary>
    /// Keeps guest writes and copies out of a range: what the local disk has there is what the mirror has, once its earlier forwards are answered. Guest writes wait meanwhile: for moments only.
    /// </summary>
    public ValueTask<RangeLock.Ticket> LockAsync(BlockRange range) => _ranges.AcquireAsync(range);

    public void Unlock(RangeLock.Ticket ticket) => _ranges.Release(ticket);

    private ValueTask ChangeAsync(GuestWrite write)
    {
        if (_gate is null)
            return _admission.AdmitsWrites ? write.ApplyTo(_local) : HeldThenAppliedAsync(write);
        ValueTask<BegunWrite> begin = BeginAsync(write);
        if (!begin.IsCompletedSuccessfully)
            return FinishLaterAsync(write, begin);
        BegunWrite begun = begin.Result;
        if (begun.LocalFailure is not null)
            return FinishAsync(write, begun);
        // The usual case waits for the mirror alone, and often for nothing.
        if (!begun.Forward.IsCompletedSuccessfully)
            return RentAcknowledgement().After(write, begun.Forward);
        begun.Forward.GetAwaiter().GetResult();
        return _admission.AcknowledgeAsync(Name, write.Operation, write.Range);
    }

    private async ValueTask HeldThenAppliedAsync(GuestWrite write)
    {
        await _admission.AdmitWriteAsync(Name, write.Operation, write.Range);
        await write.ApplyTo(_local);
    }

    /// <summary>The part under gate and range lock: at its completion the forward is enqueued and the local disk has answered.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BegunWrite> BeginAsync(GuestWrite write)
    {
        GateTicket stay = _gate!.TryEnter(out GateTicket entered) && _admission.AdmitsWrites ? entered : await EnterWhenAdmittedAsync(entered, write);
        RangeLock.Ticket ticket = default;
        MirrorChild? reserved = null;
        try
        {
            if (_mirror is { } child)
            {
                await child.Link.Window.ReserveAsync(write.PayloadBytes);
                reserved = child;
            }

            ticket = await _ranges.AcquireAsync(write.Range);
            DirtyMarks? marks = _marks;
            if (marks is not null && await MarkAsync(marks, write.Range) is { } unmarked)
                return new BegunWrite(unmarked, default);
            // Under the lock: a child that was added meanwhile must get this write, one that was removed must not. The room for a new one
            // was not reserved; so many bytes over its window as the requests in flight of that moment do no harm.
            MirrorChild? mirror = _mirror;
            ValueTask forward = mirror is null ? default : Forward(mirror, marks, write);
            reserved?.Link.Window.Release(write.PayloadBytes);
            reserved = null;
            BlockException? localFailure = await Outcome(write.ApplyTo(_local));
            if (localFailure is not null && mirror is not null)
                await RepairAsync(mirror, marks, write.Range);
            return new BegunWrite(localFailure, forward);
        }
        finally
        {
            reserved?.Link.Window.Release(write.PayloadBytes);
            if (ticket.IsHeld)
                _ranges.Release(ticket);
            _gate.Exit(stay);
        }
    }

    // The mark precedes the difference; without it nothing may be changed, and that is the guest's error.
    private static ValueTask<BlockException?> MarkAsync(DirtyMarks marks, BlockRange range) => Outcome(marks.BeforeWriteAsync(range));

    private static ValueTask Forward(MirrorChild mirror, DirtyMarks? marks, GuestWrite write)
    {
        if (marks is not null && write.IsLongZeroing)
        {
            marks.DemandCopy(write.Range);
            return default;
        }

        ValueTask forward = write.ForwardTo(mirror.Node);
        marks?.Forwarded(write.Range);
        return forward;
    }

    // Under the range lock. The mark before the copy: whoever repairs a block knows that it differs.
    private async ValueTask<ValueTask> EnqueueCopyAsync(MirrorChild mirror, BlockRange range, ReadOnlyMemory<byte> content)
    {
        DirtyMarks? marks = _marks;
        if (marks is not null)
            await marks.BeforeWriteAsync(range);
        ValueTask forward = content.IsEmpty ? mirror.Link.CopyZeroesAsync(range) : mirror.Link.CopyAsync(range.OffsetBytes, content);
        marks?.Forwarded(range);
        return forward;
    }

    private MirrorChild RequireMirror(BlockRange range) => _mirror ?? throw Error(BlockErrorKind.Shutdown, BlockOperation.Write, range, "the mirror child is gone");

    private async ValueTask FinishLaterAsync(GuestWrite write, ValueTask<BegunWrite> begin) => await FinishAsync(write, await begin);

    private async ValueTask FinishAsync(GuestWrite write, BegunWrite begun)
    {
        BlockException? forwardFailure = await Outcome(begun.Forward);
        Report(begun.LocalFailure, forwardFailure);
        if (begun.LocalFailure is not null)
            throw begun.LocalFailure;
        await _admission.AcknowledgeAsync(Name, write.Operation, write.Range);
    }

    // A write asks for admission inside the gate: who holds writes and then passes the gate exclusively knows that none is under way.
    private async ValueTask<GateTicket> EnterWhenAdmittedAsync(GateTicket stay, GuestWrite write)
    {
        while (true)
        {
            if (stay.IsHeld)
            {
                if (_admission.AdmitsWrites)
                    return stay;
                _gate!.Exit(stay);
            }

            await _admission.AdmitWriteAsync(Name, write.Operation, write.Range);
            stay = await _gate!.EnterAsync();
        }
    }

    // Under the range lock. Behind the failed write's own forward, since the link keeps the order.
    private async ValueTask RepairAsync(MirrorChild mirror, DirtyMarks? marks, BlockRange range)
    {
        // What a disk shows right after an error may not last: its content follows once more in the background.
        marks?.DemandCopy(range);
        if (range.LengthBytes > Limits.RepairBytes)
        {
            if (marks is null)
                mirror.Link.Lose(range, "a failed write of the local disk left too much to repair on the mirror");
            return;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)range.LengthBytes);
        try
        {
            Memory<byte> content = buffer.AsMemory(0, (int)range.LengthBytes);
            await _local.ReadAsync(range.OffsetBytes, content);
            await mirror.Link.CopyAsync(range.OffsetBytes, content);
        }
        catch (BlockException e)
        {
            mirror.Link.Lose(range, $"a failed write of the local disk could not be repaired on the mirror: {e.Message}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // How much of the range, from its beginning, is known to read as zeroes.
    private async ValueTask<long> HoleAsync(BlockRange range)
    {
        if (_local.Capabilities.Status != Capability.Native)
            return 0;
        Extent extent = await _local.StatusAsync(range);
        return extent.Flags.HasFlag(ExtentFlags.Zero) ? extent.LengthBytes : 0;
    }

    internal void Report(BlockException? localFailure, BlockException? forwardFailure)
    {
        if (localFailure is not null)
            _observer?.LocalFailed(this, localFailure);
        // A lost session is reported once, by itself.
        if (forwardFailure is not null && (forwardFailure.Kind != BlockErrorKind.Shutdown || localFailure is not null))
            _observer?.ForwardFailed(this, forwardFailure, localFailure is not null);
    }

    internal ValueTask AcknowledgeAsync(GuestWrite write) => _admission.AcknowledgeAsync(Name, write.Operation, write.Range);

    internal void Recycle(PendingAcknowledgement acknowledgement)
    {
        lock (_idleAcknowledgements)
        {
            if (_idleAcknowledgements.Count < Limits.QuorumPooledAcknowledgements)
                _idleAcknowledgements.Push(acknowledgement);
        }
    }

    private PendingAcknowledgement RentAcknowledgement()
    {
        lock (_idleAcknowledgements)
            return _idleAcknowledgements.TryPop(out PendingAcknowledgement? idle) ? idle : new PendingAcknowledgement(this);
    }

    private static ValueTask<BlockException?> Outcome(ValueTask task) => task.IsCompletedSuccessfully ? Succeeded(task) : OutcomeAsync(task);

    private static ValueTask<BlockException?> Succeeded(ValueTask task)
    {
        // Gives a pooled source back.
        task.GetAwaiter().GetResult();
        return default;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<BlockException?> OutcomeAsync(ValueTask task)
    {
        try
        {
            await task;
            return null;
        }
        catch (BlockException e)
        {
            return e;
        }
    }
}
