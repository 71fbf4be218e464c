using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

// The receive loop: everything here belongs to the connection's thread.
internal sealed partial class ServerConnection
{
    private Chunk? _input; // Received and not yet parsed: _start to _end.
    private int _start;
    private int _end;
    private RequestHeader _directHeader; // A large write that is received into a chunk of its own.
    private Chunk? _direct; // Null unless such a write is under way.
    private int _directFilled;
    private long _skipBytes; // Payload of a refused write that is thrown away.
    private bool _isFull; // No further request may begin, though there may be some in the input.
    private bool _hasRest; // Parsing stopped because of that, not for want of bytes.

    private void Transmit()
    {
        _input = _pool.Rent();
        while (Reason is null)
        {
            bool blocked;
            lock (_queue.Sync)
            {
                _isFull = _isThrottled = IsOverLimit;
                blocked = _queue.IsBlocked;
            }

            // A client that sends without end must get its replies all the same.
            if (blocked)
                blocked = Send(retry: true) == SendQueue.Outcome.Blocked;
            if (!_isFull && (_hasRest || TryReceive()))
                ProcessInput();
            else if (Reason is null)
                WaitForWork(!_isFull, blocked);
        }
    }

    /// <summary>False if nothing is there, or the connection has ended.</summary>
    private bool TryReceive()
    {
        Span<byte> free = _input!.Bytes.AsSpan(_end);
        int received = _direct is null
            ? _socket.Receive(free)
            : _socket.Receive(_direct.Bytes.AsSpan(_directFilled, (int)_directHeader.LengthBytes - _directFilled), free);
        if (received > 0)
        {
            TakeIn(received);
            return true;
        }

        if (received == 0 && !IsMidRequest && IsQuiet())
            End(NbdCloseKind.Left, "the client hung up without a goodbye");
        else if (received == 0)
            End(NbdCloseKind.Lost, IsMidRequest ? "the client hung up in the middle of a request" : "the client hung up with requests in flight");
        else if (received == StreamSocket.Broken)
            End(NbdCloseKind.Lost, $"the connection broke ({_socket.Trouble})");
        return false;
    }

    private bool IsMidRequest => _direct is not null || _skipBytes > 0 || _start != _end;

    private void WaitForWork(bool forReading, bool blocked)
    {
        int timeoutMs = -1;
        if (IsDraining)
        {
            long leftMs = Volatile.Read(ref _graceEndMs) - Environment.TickCount64;
            if (leftMs <= 0 || IsQuiet())
            {
                End(NbdCloseKind.Shutdown, "the server is being stopped");
                return;
            }

            timeoutMs = (int)Math.Min(leftMs, int.MaxValue);
        }

        _ = _socket.Wait(forReading, blocked, timeoutMs);
    }

    private void TakeIn(int received)
    {
        if (_direct is not null)
        {
            int direct = Math.Min(received, (int)_directHeader.LengthBytes - _directFilled);
            _directFilled += direct;
            received -= direct;
        }

        _end += received;
    }

    private void ProcessInput()
    {
        using (IoBatch.Enter())
        {
            bool goesOn = true;
            while (Reason is null && !_isFull && (goesOn = ProcessNext()))
            {
                if (RunBytes >= Limits.EarlySendBytes && PublishRun())
                {
                    Send();
                    lock (_queue.Sync)
                        _isFull = IsOverLimit;
                }
            }

            _hasRest = goesOn && _isFull;

            if (PublishRun())
                IoBatch.Defer(this);
        }

        MakeRoom();
    }

    /// <summary>False if what is there is no whole request.</summary>
    private bool ProcessNext()
    {
        if (_skipBytes > 0)
        {
            int skipped = (int)Math.Min(_skipBytes, _end - _start);
            _skipBytes -= skipped;
            _start += skipped;
            return _skipBytes == 0;
        }

        if (_direct is not null)
            return ProcessDirect();
        if (_end - _start < WireSize.Request)
            return false;
        if (!RequestHeader.TryRead(_input!.Bytes.AsSpan(_start), out RequestHeader header))
        {
            End(NbdCloseKind.Violation, "the client sent no request where one was due");
            return false;
        }

        if (header.Command == Command.Write)
            return ProcessWrite(header);
        _start += WireSize.Request;
        if (header.Command == Command.Disconnect)
            End(NbdCloseKind.Disconnected, "the client said goodbye");
        else if (Check(header) is not NbdError.None and var error)
            ReplyNow(header, error, null);
        else
            Execute(header);
        return true;
    }

    private NbdError Check(in RequestHeader header)
    {
        NbdError error = RequestCheck.Check(header, _session);
        return error == NbdError.None && IsDraining ? NbdError.Shutdown : error;
    }

    private bool ProcessWrite(in RequestHeader header)
    {
        NbdError error = Check(header);
        if (error != NbdError.None)
        {
            if (header.LengthBytes > Limits.MaxSkippedPayloadBytes)
            {
                End(NbdCloseKind.Violation, $"the client sent a write of {header.LengthBytes} bytes");
                return false;
            }

            _start += WireSize.Request;
            ReplyNow(header, error, null);
            _skipBytes = header.LengthBytes;
            return true;
        }

        int length = (int)header.LengthBytes;
        int present = _end - _start - WireSize.Request;
        if (present >= length)
        {
            int data = _start + WireSize.Request;
            _start = data + length;
            ExecuteWrite(header, _input!, data);
            return true;
        }

        if (length < Limits.DirectReceiveBytes)
            return false;
        _direct = _pool.Rent(length);
        _directHeader = header;
        _directFilled = present;
        _input!.Bytes.AsSpan(_end - present, present).CopyTo(_direct.Bytes);
        _start = _end;
        return false;
    }

    private bool ProcessDirect()
    {
        if (_directFilled < _directHeader.LengthBytes)
            return false;
        Chunk chunk = _direct!;
        _direct = null;
        ExecuteWrite(_directHeader, chunk, 0);
        chunk.Release(); // A write that is still in flight has its own reference.
        return true;
    }

    /// <summary>
    /// Sees to it that the next receive has room. Requests in flight may still use what lies in front of _start: then the rest moves to another chunk.
    /// </summary>
    private void MakeRoom()
    {
        bool exclusive = _input!.IsExclusive;
        if (_start == _end && exclusive)
        {
            _start = _end = 0;
            return;
        }

        if (_input.LengthBytes - _end >= Limits.MinReceiveBytes)
            return;
        Chunk target = exclusive ? _input : _pool.Rent();
        _input.Bytes.AsSpan(_start, _end - _start).CopyTo(target.Bytes);
        if (!exclusive)
            _input.Release();
        (_input, _start, _end) = (target, 0, _end - _start);
    }

    private void ReleaseInput()
    {
        _input?.Release();
        _direct?.Release();
        _input = _direct = null;
    }
}
