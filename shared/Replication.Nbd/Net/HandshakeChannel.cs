namespace Replication.Nbd;

/// <summary>Exact reads and writes with one deadline over all of them, for the handshake of either side. Reads no byte too many. One thread.</summary>
internal sealed class HandshakeChannel(StreamSocket socket, TimeSpan deadline, Func<string?> cancelled)
{
    private readonly long _endMs = Environment.TickCount64 + (long)deadline.TotalMilliseconds;

    /// <exception cref="HandshakeException">The peer is gone, or too slow, or the handshake was called off.</exception>
    public void Read(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int received = socket.Receive(buffer);
            if (received == 0)
                throw new HandshakeException("the peer hung up during the handshake");
            if (received == StreamSocket.WouldBlock)
                Wait(forReading: true);
            else
                buffer = buffer[Checked(received)..];
        }
    }

    /// <exception cref="HandshakeException">The peer is gone, or too slow, or the handshake was called off.</exception>
    public unsafe void Write(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            int done = 0;
            while (done < bytes.Length)
            {
                var piece = new Libc.Piece { Start = start + done, LengthBytes = bytes.Length - done };
                int sent = socket.Send(&piece, 1);
                if (sent == StreamSocket.WouldBlock)
                    Wait(forReading: false);
                else
                    done += Checked(sent);
            }
        }
    }

    private int Checked(int count) => count >= 0 ? count : throw new HandshakeException($"the connection broke during the handshake ({socket.Trouble})");

    private void Wait(bool forReading)
    {
        long leftMs = _endMs - Environment.TickCount64;
        bool inTime = leftMs > 0 && socket.Wait(forReading, !forReading, (int)Math.Min(leftMs, int.MaxValue));
        if (cancelled() is { } reason)
            throw new HandshakeException(reason);
        if (!inTime)
            throw new HandshakeException($"the peer did not finish the handshake within {deadline.TotalSeconds:0.###} s");
    }
}
