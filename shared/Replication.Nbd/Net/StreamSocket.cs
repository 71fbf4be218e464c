using System.Net.Sockets;
using System.Runtime.InteropServices;
using Replication.Block;

namespace Replication.Nbd;

/// <summary>
/// A connected stream socket and the event that wakes the one thread which polls it. Calls never block, except <see cref="Wait"/>; results are counts,
/// <see cref="WouldBlock"/> or a broken connection. Thread-safe: the handle counts its users, so a late sender cannot hit a reused descriptor.
/// </summary>
internal sealed unsafe class StreamSocket : IDisposable
{
    /// <summary>The result of a call that would have had to wait.</summary>
    public const int WouldBlock = -1;

    /// <summary>The result of a call on a broken connection; <see cref="Trouble"/> says why.</summary>
    public const int Broken = -2;

    private const int KeepAliveIdleSeconds = 30;
    private const int KeepAliveIntervalSeconds = 10;
    private const int KeepAliveProbes = 3;

    private readonly Socket _socket;
    private readonly WakeEvent _wake = new();
    private string? _trouble; // The first one wins.

    /// <param name="socket">Connected; this object owns it from now on.</param>
    public StreamSocket(Socket socket)
    {
        _socket = socket;
        if (socket.AddressFamily == AddressFamily.Unix)
        {
            socket.SendBufferSize = Limits.UnixSendBufferBytes;
        }
        else
        {
            socket.NoDelay = true;
            // A host that vanished without a word is noticed within a minute, also on an idle connection.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveIdleSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveIntervalSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveProbes);
        }
    }

    /// <summary>What broke the connection; null while nothing has.</summary>
    public string? Trouble => Volatile.Read(ref _trouble);

    /// <summary>Bytes received; 0 at the end of the stream.</summary>
    public int Receive(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
            return Result(Retry(start, buffer.Length, null, send: false), "receive");
    }

    /// <summary>Fills <paramref name="first"/>, then <paramref name="second"/>, as far as bytes are there.</summary>
    public int Receive(Span<byte> first, Span<byte> second)
    {
        fixed (byte* firstStart = first, secondStart = second)
        {
            Libc.Piece* pieces = stackalloc Libc.Piece[2];
            pieces[0] = new Libc.Piece { Start = firstStart, LengthBytes = first.Length };
            pieces[1] = new Libc.Piece { Start = secondStart, LengthBytes = second.Length };
            var message = new Libc.MessageHeader { Pieces = pieces, PieceCount = 2 };
            return Result(Retry(null, 0, &message, send: false), "receive");
        }
    }

    /// <summary>Bytes that the socket took, in the order of the pieces.</summary>
    public int Send(Libc.Piece* pieces, int count)
    {
        if (count == 1)
            return Result(Retry(pieces->Start, pieces->LengthBytes, null, send: true), "send");
        var message = new Libc.MessageHeader { Pieces = pieces, PieceCount = count };
        return Result(Retry(null, 0, &message, send: true), "send");
    }

    /// <summary>
    /// Waits until the socket is readable or writable as asked, somebody calls <see cref="Wake"/>, or the time is over (-1: never). One thread only.
    /// </summary>
    /// <returns>False if the time is over.</returns>
    public bool Wait(bool forReading, bool forWriting, int timeoutMs)
    {
        Libc.PollDescriptor* descriptors = stackalloc Libc.PollDescriptor[2];
        descriptors[0] = new Libc.PollDescriptor { Descriptor = _wake.Descriptor, Events = Libc.PollIn };
        descriptors[1] = new Libc.PollDescriptor
        {
            // poll reports a hang-up whether it was asked or not; a thread that wants neither must not spin on it.
            Descriptor = forReading || forWriting ? (int)_socket.SafeHandle.DangerousGetHandle() : -1,
            Events = (short)((forReading ? Libc.PollIn : 0) | (forWriting ? Libc.PollOut : 0)),
        };
        int ready = Libc.poll(descriptors, 2, timeoutMs);
        if (ready > 0 && descriptors[0].Returned != 0)
            _wake.Reset();
        return ready != 0;
    }

    /// <summary>Ends the current or the next <see cref="Wait"/>.</summary>
    public void Wake() => _wake.Set();

    /// <summary>Ends the connection in both directions at once. When it has returned, no byte of a concurrent or later send can enter the connection.</summary>
    public void Shutdown()
    {
        try
        {
            _ = Libc.shutdown(_socket.SafeHandle, Libc.ShutRdWr);
        }
        catch (ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    /// <summary>By the thread that polls, when it has ended.</summary>
    public void Dispose()
    {
        _socket.Dispose();
        _wake.Dispose();
    }

    private nint Retry(byte* start, nint lengthBytes, Libc.MessageHeader* message, bool send)
    {
        const int flags = Libc.MsgDontWait | Libc.MsgNoSignal;
        SafeHandle handle = _socket.SafeHandle;
        while (true)
        {
            nint result = (send, message is null) switch
            {
                (true, true) => Libc.send(handle, start, lengthBytes, flags),
                (true, false) => Libc.sendmsg(handle, message, flags),
                (false, true) => Libc.recv(handle, start, lengthBytes, flags),
                (false, false) => Libc.recvmsg(handle, message, flags),
            };
            if (result >= 0 || Marshal.GetLastPInvokeError() != Errno.EINTR)
                return result;
        }
    }

    private int Result(nint result, string operation)
    {
        if (result >= 0)
            return (int)result;
        if (Marshal.GetLastPInvokeError() == Errno.EAGAIN)
            return WouldBlock;
        Interlocked.CompareExchange(ref _trouble, $"{operation}: {Marshal.GetLastPInvokeErrorMessage()}", null);
        return Broken;
    }
}
