using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

// The receive loop: everything here belongs to the connection's thread.
internal sealed partial class ClientConnection
{
    private Chunk? _input; // Received and not yet parsed: _start to _end.
    private int _start;
    private int _end;
    private RequestSlot? _reading; // Data of this read comes next: _readLeft bytes, to _readAt of its buffer.
    private int _readAt;
    private int _readLeft;
    private bool _readIsLast; // The data ends the reply.

    /// <summary>The thread's work after the handshake; returns when the connection is dead.</summary>
    public void Run()
    {
        _input = _pool.Rent();
        try
        {
            while (Reason is null)
            {
                if (!TryReceive())
                    WaitForWork();
            }
        }
        finally
        {
            _input.Release();
            _socket.Dispose();
            _ended.SetResult();
        }
    }

    private void WaitForWork()
    {
        bool blocked;
        lock (_queue.Sync)
            blocked = _queue.IsBlocked;
        if (Reason is not null)
            return;
        _ = _socket.Wait(forReading: true, forWriting: blocked, -1);
        if (blocked)
            Flush(retry: true);
    }

    /// <summary>False if nothing is there, or the connection has ended.</summary>
    private bool TryReceive()
    {
        Span<byte> free = _input!.Bytes.AsSpan(_end);
        int received = _reading is null ? _socket.Receive(free) : ReceiveIntoBuffer(free);
        if (received > 0)
        {
            if (_reading is null)
                _end += received;
            ProcessInput();
            return true;
        }

        if (received == 0)
            Break(new IOException("the server hung up"));
        else if (received == StreamSocket.Broken)
            Break(new IOException($"the connection broke ({_socket.Trouble})"));
        return false;
    }

    /// <summary>Data goes straight into the caller's buffer, which must not be given back meanwhile.</summary>
    private int ReceiveIntoBuffer(Span<byte> free)
    {
        if (!TryTouch(_reading!))
            return StreamSocket.WouldBlock;
        int received = _socket.Receive(_reading!.Buffer.Span.Slice(_readAt, _readLeft), free);
        if (received > 0)
        {
            int direct = Math.Min(received, _readLeft);
            TakeRead(direct);
            _end += received - direct;
        }

        Untouch(_reading);
        return received;
    }

    private void ProcessInput()
    {
        using (IoBatch.Enter())
        {
            while (Reason is null && ProcessNext())
            {
            }

            if (AdmitWaiting())
                IoBatch.Defer(this);
        }

        MakeRoom();
    }

    /// <summary>False if what is there is no whole reply.</summary>
    private bool ProcessNext()
    {
        if (_reading is not null)
            return ProcessData();
        if (_telling is not null)
            return ProcessExtents();
        ReadOnlySpan<byte> bytes = _input!.Bytes.AsSpan(_start, _end - _start);
        if (bytes.Length < sizeof(uint))
            return false;
        int headerBytes = ReplyHeader.Size(bytes);
        if (headerBytes == 0)
            return Violation("no reply where one was due");
        if (bytes.Length < headerBytes)
            return false;
        ReplyHeader reply = ReplyHeader.Read(bytes);
        if (!reply.IsStructured)
        {
            _start += headerBytes;
            return Find(reply.Cookie) is { } slot ? ProcessSimple(slot, reply) : Violation("a reply to no request");
        }

        return ProcessChunk(reply, bytes);
    }

    private bool ProcessSimple(RequestSlot slot, in ReplyHeader reply)
    {
        if (slot.Header.Command == Command.Read && _session.Structured)
            return Violation("a simple reply to a read");
        if (slot.Header.Command == Command.BlockStatus && reply.Error == NbdError.None)
            return Violation("a simple reply to a block status");
        slot.Error = reply.Error;
        if (slot.Header.Command != Command.Read || reply.Error != NbdError.None)
            return Finish(slot);
        ExpectData(slot, 0, (int)slot.Header.LengthBytes, isLast: true);
        return true;
    }

    private bool ProcessChunk(in ReplyHeader reply, ReadOnlySpan<byte> bytes)
    {
        if (Find(reply.Cookie) is not { } slot)
            return Violation("a reply to no request");
        if (reply.Type == ChunkType.OffsetData)
            return ProcessDataChunk(slot, reply, bytes);
        if (reply.Type == ChunkType.BlockStatus)
            return ProcessStatusChunk(slot, reply, bytes);
        if (reply.LengthBytes > Limits.MaxControlChunkBytes)
            return Violation($"a chunk of {reply.LengthBytes} bytes");
        if (bytes.Length < WireSize.StructuredReply + (int)reply.LengthBytes)
            return false;
        ReadOnlySpan<byte> payload = bytes.Slice(WireSize.StructuredReply, (int)reply.LengthBytes);
        _start += WireSize.StructuredReply + payload.Length;
        string? violation = ReplyChunk.Take(slot, reply, payload);
        if (violation is not null)
            return Violation(violation);
        if (reply.Type == ChunkType.OffsetHole && !ZeroHole(slot, payload))
            return false;
        return !reply.IsDone || Finish(slot);
    }

    private bool ProcessDataChunk(RequestSlot slot, in ReplyHeader reply, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < WireSize.DataChunkPrefix)
            return false;
        if (ReplyChunk.DataRange(slot, reply, bytes[WireSize.StructuredReply..]) is not { } range)
            return Violation("data outside of its request");
        _start += WireSize.DataChunkPrefix;
        ExpectData(slot, (int)range.OffsetBytes, (int)range.LengthBytes, reply.IsDone);
        return true;
    }

    private void ExpectData(RequestSlot slot, int at, int lengthBytes, bool isLast) =>
        (_reading, _readAt, _readLeft, _readIsLast) = (slot, at, lengthBytes, isLast);

    private bool ProcessData()
    {
        RequestSlot slot = _reading!;
        int present = Math.Min(_readLeft, _end - _start);
        if (present > 0)
        {
            if (!TryTouch(slot))
                return false;
            _input!.Bytes.AsSpan(_start, present).CopyTo(slot.Buffer.Span[_readAt..]);
            _start += present;
            TakeRead(present);
            Untouch(slot);
        }

        if (_readLeft > 0)
            return false;
        _reading = null;
        return !_readIsLast || Finish(slot);
    }

    private void TakeRead(int lengthBytes)
    {
        _readAt += lengthBytes;
        _readLeft -= lengthBytes;
        _reading!.ReceivedBytes += lengthBytes;
    }

    private bool ZeroHole(RequestSlot slot, ReadOnlySpan<byte> payload)
    {
        if (!TryTouch(slot))
            return false;
        BlockRange hole = ReplyChunk.HoleRange(slot, payload);
        slot.Buffer.Span.Slice((int)hole.OffsetBytes, (int)hole.LengthBytes).Clear();
        slot.ReceivedBytes += hole.LengthBytes;
        Untouch(slot);
        return true;
    }

    private bool Violation(string what)
    {
        Break(new IOException($"the server violated the protocol: {what}"));
        return false;
    }

    /// <summary>Sees to it that the next receive has room for a header and the largest chunk that is parsed whole.</summary>
    private void MakeRoom()
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_input!.LengthBytes - _end < Limits.MinReceiveBytes)
        {
            _input.Bytes.AsSpan(_start, _end - _start).CopyTo(_input.Bytes);
            (_start, _end) = (0, _end - _start);
        }
    }
}
