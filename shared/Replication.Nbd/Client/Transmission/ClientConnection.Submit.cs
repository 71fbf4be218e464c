using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

// Requests on their way out: on any thread, never blocking it.
internal sealed partial class ClientConnection
{
    private readonly List<RequestSlot> _slots = []; // All slots, by index. Guarded by _queue.Sync, as all that follows.
    private readonly Stack<RequestSlot> _idle = new();
    private readonly Queue<RequestSlot> _waiting = new(); // No room on the wire; in the order of their arrival.
    private int _onWire;

    public ValueTask Read(long offsetBytes, Memory<byte> buffer)
    {
        RequestSlot? slot = Submit(Command.Read, CommandFlags.None, new BlockRange(offsetBytes, buffer.Length), buffer, default);
        return slot is null ? Dead(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length)) : new ValueTask(slot, slot.Version);
    }

    public ValueTask Write(long offsetBytes, ReadOnlyMemory<byte> data, CommandFlags flags)
    {
        RequestSlot? slot = Submit(Command.Write, flags, new BlockRange(offsetBytes, data.Length), default, data);
        return slot is null ? Dead(BlockOperation.Write, new BlockRange(offsetBytes, data.Length)) : new ValueTask(slot, slot.Version);
    }

    public ValueTask Send(Command command, BlockRange range, CommandFlags flags)
    {
        RequestSlot? slot = Submit(command, flags, range, default, default);
        return slot is null ? Dead(Operation(command), range) : new ValueTask(slot, slot.Version);
    }

    /// <summary>The first extent of a context.</summary>
    public ValueTask<Extent> Status(BlockRange range, uint contextId) => Status(range, CommandFlags.ReqOne, contextId, null);

    /// <summary>As many extents of a context as the server tells, and the list takes; see <see cref="RequestSlot.Extents"/>.</summary>
    public ValueTask<Extent> Status(BlockRange range, uint contextId, List<NbdExtent> extents) => Status(range, CommandFlags.None, contextId, extents);

    /// <summary>By IoBatch, at the end of the batch of whoever submitted.</summary>
    public void Flush() => Flush(retry: false);

    /// <summary>The result was taken.</summary>
    public void Recycle(RequestSlot slot)
    {
        slot.Reset();
        lock (_queue.Sync)
        {
            slot.State = SlotState.Idle;
            _idle.Push(slot);
        }
    }

    /// <summary>Null if the connection is dead.</summary>
    private RequestSlot? Submit(Command command, CommandFlags flags, BlockRange range, Memory<byte> buffer, ReadOnlyMemory<byte> data)
    {
        RequestSlot slot;
        lock (_queue.Sync)
        {
            if (_isDead)
                return null;
            slot = TakeIdle();
            slot.Begin(command, flags, range.OffsetBytes, range.LengthBytes, buffer, data);
            Admit(slot);
        }

        IoBatch.Defer(this);
        return slot;
    }

    private ValueTask<Extent> Status(BlockRange range, CommandFlags flags, uint contextId, List<NbdExtent>? extents)
    {
        RequestSlot slot;
        lock (_queue.Sync)
        {
            if (_isDead)
                return ValueTask.FromException<Extent>(Death(BlockOperation.Status, range));
            slot = TakeIdle();
            slot.BeginStatus(flags, range.OffsetBytes, range.LengthBytes, contextId, extents);
            Admit(slot);
        }

        IoBatch.Defer(this);
        return new ValueTask<Extent>(slot, slot.Version);
    }

    private RequestSlot TakeIdle()
    {
        if (!_idle.TryPop(out RequestSlot? slot))
        {
            slot = new RequestSlot(this, _slots.Count);
            _slots.Add(slot);
        }

        return slot;
    }

    private void Admit(RequestSlot slot)
    {
        if (_waiting.Count == 0 && HasRoom)
        {
            Encode(slot);
        }
        else
        {
            slot.State = SlotState.Waiting;
            _waiting.Enqueue(slot);
        }
    }

    private bool HasRoom => _onWire < Limits.MaxClientInFlight && _queue.QueuedBytes < Limits.MaxClientBacklogBytes;

    private void Encode(RequestSlot slot)
    {
        slot.State = SlotState.OnWire;
        _onWire++;
        ReadOnlySpan<byte> data = slot.Data.Span;
        bool isCopied = data.Length <= Limits.MaxCopiedPayloadBytes;
        int lengthBytes = WireSize.Request + (isCopied ? data.Length : 0);
        Span<byte> bytes = _queue.Reserve(lengthBytes);
        slot.Header.Write(bytes);
        if (isCopied)
            data.CopyTo(bytes[WireSize.Request..]);
        _queue.CommitReserved(lengthBytes);
        if (isCopied)
            return;
        _queue.AppendPinned(slot.Data);
        slot.EndMark = _queue.AppendedBytes;
    }

    private void Flush(bool retry)
    {
        do
        {
            SendQueue.Outcome outcome = _queue.Send(_socket, retry);
            if (outcome == SendQueue.Outcome.Broken)
                _socket.Shutdown(); // The receiving thread finds the end of the stream, and breaks the connection there.
            else if (outcome == SendQueue.Outcome.Blocked && !retry)
                _socket.Wake(); // The receiving thread goes on when the socket takes more.
            if (outcome != SendQueue.Outcome.Done)
                return;
        }
        while (AdmitWaiting());
    }

    /// <summary>True if there is something new to send.</summary>
    private bool AdmitWaiting()
    {
        bool any = false;
        lock (_queue.Sync)
        {
            for (; _waiting.Count > 0 && HasRoom; any = true)
                Encode(_waiting.Dequeue());
        }

        return any;
    }

    private ValueTask Dead(BlockOperation operation, BlockRange range) => ValueTask.FromException(Death(operation, range));

    private static BlockOperation Operation(Command command) => command switch
    {
        Command.Read => BlockOperation.Read,
        Command.Write => BlockOperation.Write,
        Command.WriteZeroes => BlockOperation.WriteZeroes,
        Command.Trim => BlockOperation.Discard,
        Command.Flush => BlockOperation.Flush,
        _ => BlockOperation.Status,
    };

    private static BlockRange Range(in RequestHeader header) => new((long)header.OffsetBytes, header.LengthBytes);
}
