using System.Buffers;
using System.Runtime.CompilerServices;
using Replication.Block.Dirty;
using Replication.Block.Locks;

namespace Replication.Block.Quorums;

/// <summary>Guest writes: what is forwarded, and in which order.</summary>
public sealed partial class Quorum
{
    /// <summary>
    /// Keeps guest writes and copies out of a range: what the local disk has there is what the mirror has, once its
    /// earlier forwards are answered. Guest writes wait meanwhile: for moments only.
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
        MirrorChild? asked = _mirror;
        ForwardRoom room = default;
        try
        {
            if (asked is not null)
            {
                room = await asked.Link.Window.ReserveAsync(write.PayloadBytes);
                // Whoever gave up was told so by the session's clock, which has other deadlines to keep.
                if (room is { IsReserved: false, AskedAt: not null })
                    await Task.Yield();
            }

            ticket = await _ranges.AcquireAsync(write.Range);
            DirtyMarks? marks = _marks;
            if (marks is not null && await MarkAsync(marks, write.Range) is { } unmarked)
                return new BegunWrite(unmarked, default);
            // Under the lock: a child that was added meanwhile must get this write, one that was removed must not. The room for a new one
            // was not reserved; so many bytes over its window as the requests in flight of that moment do no harm.
            MirrorChild? mirror = _mirror;
            ValueTask forward = mirror is null ? default : Forward(mirror, marks, write, mirror == asked ? room : new ForwardRoom(true, null));
            if (room.IsReserved)
                asked!.Link.Window.Release(write.PayloadBytes);
            room = default;
            BlockException? localFailure = await Outcome(write.ApplyTo(_local));
            if (localFailure is not null && mirror is not null)
                await RepairAsync(mirror, marks, write.Range);
            return new BegunWrite(localFailure, forward);
        }
        finally
        {
            if (room.IsReserved)
                asked!.Link.Window.Release(write.PayloadBytes);
            if (ticket.IsHeld)
                _ranges.Release(ticket);
            _gate.Exit(stay);
        }
    }

    // The mark precedes the difference; without it nothing may be changed, and that is the guest's error.
    private static ValueTask<BlockException?> MarkAsync(DirtyMarks marks, BlockRange range) => Outcome(marks.BeforeWriteAsync(range));

    // Under the range lock. What finds no room is left to the background copy, which brings over what the disk has by then.
    private static ValueTask Forward(MirrorChild mirror, DirtyMarks? marks, GuestWrite write, ForwardRoom room)
    {
        if (marks is not null && (write.IsLongZeroing || !room.IsReserved))
        {
            marks.DemandCopy(write.Range);
            return default;
        }

        if (!room.IsReserved)
            mirror.Link.Lose(write.Range, "a guest write found no room in the window, and nothing marks what the mirror lacks");
        ValueTask forward = write.ForwardTo(mirror.Node);
        marks?.Forwarded(write.Range);
        if (room.AskedAt is { } askedAt)
            mirror.Link.CountFrom(write.Range, askedAt);
        return forward;
    }

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

    internal void Report(BlockException? localFailure, BlockException? forwardFailure)
    {
        if (localFailure is not null)
            _observer?.LocalFailed(this, localFailure);
        ReportForward(forwardFailure, localFailure is not null);
    }

    private void ReportForward(BlockException? forwardFailure, bool localFailedToo)
    {
        // A lost session is reported once, by itself.
        if (forwardFailure is not null && (forwardFailure.Kind != BlockErrorKind.Shutdown || localFailedToo))
            _observer?.ForwardFailed(this, forwardFailure, localFailedToo);
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
