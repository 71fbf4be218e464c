using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

// Replies. Those of requests that complete at once grow in the run: a stretch of a chunk that belongs
// to the connection's thread until it is published to the queue.
internal sealed partial class ServerConnection
{
    private Chunk? _run;
    private int _runStart; // Replies that are not yet published: _runStart to _runEnd.
    private int _runEnd;

    private int RunBytes => _runEnd - _runStart;

    /// <summary>By IoBatch, on any thread that has completed a request of this connection.</summary>
    void Block.IBatchSink.Flush() => Send();

    private SendQueue.Outcome Send(bool retry = false)
    {
        SendQueue.Outcome outcome = _queue.Send(_socket, retry);
        if (outcome == SendQueue.Outcome.Broken)
            End(NbdCloseKind.Lost, $"the connection broke ({_socket.Trouble})");
        else if (Environment.CurrentManagedThreadId != _thread.ManagedThreadId && (outcome == SendQueue.Outcome.Blocked || Volatile.Read(ref _isThrottled)))
            _socket.Wake(); // It waits for the socket to take more, or for the queue to be shorter.
        return outcome;
    }

    /// <summary>Room for a reply at the end of the run; valid until the next call here.</summary>
    private int ReserveRun(int lengthBytes, out Chunk chunk)
    {
        if (_run is not null && _runStart == _runEnd && _run.IsExclusive)
            _runStart = _runEnd = 0;
        if (_run is null || _run.LengthBytes - _runEnd < lengthBytes)
        {
            _ = PublishRun();
            _run?.Release();
            _run = _pool.Rent(lengthBytes);
            _runStart = _runEnd = 0;
        }

        chunk = _run;
        return _runEnd;
    }

    private void CommitRun(int lengthBytes) => _runEnd += lengthBytes;

    /// <summary>What was reserved belongs to a request in flight: the run goes on behind it.</summary>
    private void DetachFromRun(int lengthBytes)
    {
        int behind = _runEnd + lengthBytes;
        _ = PublishRun();
        if (_run is not null)
            _runStart = _runEnd = behind;
    }

    /// <summary>Gives the gathered replies to the queue. True if there was something, or is something to send.</summary>
    private bool PublishRun()
    {
        if (RunBytes == 0)
            return false;
        _run!.Retain();
        lock (_queue.Sync)
            _queue.Append(_run, _runStart, RunBytes);
        _runStart = _runEnd;
        return true;
    }

    private void ReleaseRun()
    {
        _run?.Release();
        _run = null;
    }

    private void ReplyNow(in RequestHeader header)
    {
        int start = ReserveRun(WireSize.SimpleReply, out Chunk chunk);
        ReplyHeader.WriteSimple(chunk.Bytes.AsSpan(start), NbdError.None, header.Cookie);
        CommitRun(WireSize.SimpleReply);
    }

    private void ReplyNow(in RequestHeader header, NbdError error, string? text)
    {
        int start = ReserveRun(ErrorReply.MaxBytes, out Chunk chunk);
        CommitRun(ErrorReply.Write(chunk.Bytes.AsSpan(start), _session.Structured, error, text, header.Cookie));
    }

    /// <summary>Under the queue's lock, on any thread. A read's reply goes out from where the node put the data.</summary>
    private void ReplyLater(PendingRequest pending, NbdError error, string? text, ReadOnlySpan<byte> status)
    {
        RequestHeader header = pending.Header;
        if (error == NbdError.None && header.Command == Command.Read)
        {
            int prefix = WriteReadPrefix(header, pending.Chunk!.Bytes.AsSpan(pending.ReplyStart));
            _queue.Append(pending.Chunk, pending.ReplyStart, prefix + (int)header.LengthBytes);
            return;
        }

        pending.Chunk?.Release();
        if (error != NbdError.None)
        {
            Span<byte> reply = _queue.Reserve(ErrorReply.MaxBytes);
            _queue.CommitReserved(ErrorReply.Write(reply, _session.Structured, error, text, header.Cookie));
        }
        else if (!status.IsEmpty)
        {
            _queue.AppendCopy(status);
        }
        else
        {
            ReplyHeader.WriteSimple(_queue.Reserve(WireSize.SimpleReply), NbdError.None, header.Cookie);
            _queue.CommitReserved(WireSize.SimpleReply);
        }
    }

    private int WriteReadPrefix(in RequestHeader header, Span<byte> reply)
    {
        if (_session.Structured)
        {
            ReplyHeader.WriteDataChunk(reply, header.Cookie, header.OffsetBytes, (int)header.LengthBytes);
            return WireSize.DataChunkPrefix;
        }

        ReplyHeader.WriteSimple(reply, NbdError.None, header.Cookie);
        return WireSize.SimpleReply;
    }
}
