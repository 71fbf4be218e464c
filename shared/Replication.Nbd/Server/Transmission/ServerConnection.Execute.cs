using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

// Requests that have passed RequestCheck, on their way through the block node. Called on the connection's thread, except Complete.
internal sealed partial class ServerConnection
{
    private readonly Stack<PendingRequest> _idlePending = new(); // Guarded by _queue.Sync, as the three below.
    private int _inFlight; // Requests that the node completes later.
    private long _bufferedBytes; // Their payload.
    private bool _isThrottled; // The receive loop waits until there is less of either.

    private BlockNode Node => _session.Export.Node;

    /// <summary>Under the queue's lock.</summary>
    private bool IsOverLimit => _inFlight >= Limits.MaxServerInFlight || _bufferedBytes + _queue.QueuedBytes >= Limits.MaxServerBufferedBytes;

    private void Execute(in RequestHeader header)
    {
        switch (header.Command)
        {
            case Command.Read:
                ExecuteRead(header);
                break;
            case Command.BlockStatus:
                ExecuteStatus(header);
                break;
            case Command.Flush:
                Answer(header, Node.FlushAsync(), null);
                break;
            case Command.Trim:
                Answer(header, Node.DiscardAsync(Range(header), Flags(header)), null);
                break;
            case Command.WriteZeroes:
                Answer(header, Node.WriteZeroesAsync(Range(header), Flags(header)), null);
                break;
            default:
                Invariant.Broken($"a request of type {header.Command} passed the check");
                break;
        }
    }

    /// <summary>The node reads straight into the output: a reply costs no copy.</summary>
    private void ExecuteRead(in RequestHeader header)
    {
        int prefix = _session.Structured ? WireSize.DataChunkPrefix : WireSize.SimpleReply;
        int length = (int)header.LengthBytes;
        int start = ReserveRun(prefix + length, out Chunk chunk);
        ValueTask task = Node.ReadAsync((long)header.OffsetBytes, chunk.Bytes.AsMemory(start + prefix, length));
        if (!task.IsCompleted)
        {
            DetachFromRun(prefix + length);
            chunk.Retain();
            Begin(header).Begin(header, task, chunk, start);
        }
        else if (HasSucceeded(task, out NbdError error, out string? text))
        {
            WriteReadPrefix(header, chunk.Bytes.AsSpan(start));
            CommitRun(prefix + length);
        }
        else
        {
            ReplyNow(header, error, text);
        }
    }

    private void ExecuteWrite(in RequestHeader header, Chunk chunk, int dataStart) =>
        Answer(header, Node.WriteAsync((long)header.OffsetBytes, chunk.Bytes.AsMemory(dataStart, (int)header.LengthBytes), Flags(header)), chunk);

    private void ExecuteStatus(in RequestHeader header)
    {
        ValueTask<ReadOnlyMemory<byte>> task = StatusReply.CollectAsync(
            _session.Contexts, Range(header), (header.Flags & CommandFlags.ReqOne) != 0, header.Cookie);
        if (!task.IsCompleted)
        {
            Begin(header).BeginStatus(header, task);
            return;
        }

        try
        {
            ReadOnlyMemory<byte> reply = task.GetAwaiter().GetResult();
            int start = ReserveRun(reply.Length, out Chunk chunk);
            reply.Span.CopyTo(chunk.Bytes.AsSpan(start));
            CommitRun(reply.Length);
        }
        catch (Exception e)
        {
            (NbdError error, string text) = Describe(e);
            ReplyNow(header, error, text);
        }
    }

    private void Answer(in RequestHeader header, ValueTask task, Chunk? chunk)
    {
        if (!task.IsCompleted)
        {
            chunk?.Retain();
            Begin(header).Begin(header, task, chunk, 0);
        }
        else if (HasSucceeded(task, out NbdError error, out string? text))
        {
            ReplyNow(header);
        }
        else
        {
            ReplyNow(header, error, text);
        }
    }

    /// <summary>
    /// Takes the result of a completed task. Only what it says counts: a task may complete on another thread at any moment, so whoever asks "succeeded?", hears
    /// no, and then asks "completed?" and hears yes, knows nothing of a failure.
    /// </summary>
    private bool HasSucceeded(ValueTask task, out NbdError error, out string? text)
    {
        (error, text) = (NbdError.None, null);
        try
        {
            task.GetAwaiter().GetResult();
            return true;
        }
        catch (Exception e)
        {
            (error, text) = Describe(e);
            return false;
        }
    }

    private PendingRequest Begin(in RequestHeader header)
    {
        lock (_queue.Sync)
        {
            _inFlight++;
            _bufferedBytes += PayloadBytes(header);
            _isFull = IsOverLimit;
            return _idlePending.TryPop(out PendingRequest? pending) ? pending : new PendingRequest(this);
        }
    }

    /// <summary>The node has completed a request later than its call; on any thread.</summary>
    internal void Complete(PendingRequest pending)
    {
        (NbdError error, string? text) = (NbdError.None, null);
        ReadOnlyMemory<byte> status = default;
        try
        {
            status = pending.Result();
        }
        catch (Exception e)
        {
            (error, text) = Describe(e);
        }

        bool wake;
        lock (_queue.Sync)
        {
            ReplyLater(pending, error, text, status.Span);
            _inFlight--;
            _bufferedBytes -= PayloadBytes(pending.Header);
            pending.Clear();
            _idlePending.Push(pending);
            wake = _isThrottled || Reason is not null || IsDraining;
        }

        IoBatch.Defer(this);
        if (wake)
            _socket.Wake();
    }

    private (NbdError Error, string Text) Describe(Exception e)
    {
        if (e is BlockException error)
            return (ErrorMap.ToWire(error), error.Message);
        // No node may throw anything else. The guest learns EIO, and the operator what it was.
        _options.Trouble?.Invoke($"export '{_session.Export.Label}': unexpected {e}");
        return (NbdError.Io, e.Message);
    }

    private bool IsQuiet()
    {
        lock (_queue.Sync)
            return _inFlight == 0 && _queue.IsIdle;
    }

    private static long PayloadBytes(in RequestHeader header) => header.Command is Command.Read or Command.Write ? header.LengthBytes : 0;

    private static BlockRange Range(in RequestHeader header) => new((long)header.OffsetBytes, header.LengthBytes);

    private static WriteFlags Flags(in RequestHeader header) =>
        ((header.Flags & CommandFlags.Fua) != 0 ? WriteFlags.Fua : WriteFlags.None) | (
            (header.Flags & CommandFlags.NoHole) != 0 ? WriteFlags.NoUnmap : WriteFlags.None);
}
