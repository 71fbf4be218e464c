using System.Buffers;
using System.Runtime.InteropServices;

namespace Replication.Nbd;

/// <summary>
/// What a connection has to send: pieces of chunks and of callers' memory, in order, sent without blocking and as many as possible in one system call.
/// </summary>
/// <remarks>
/// Everything but <see cref="Send"/> is guarded by <see cref="Sync"/>, the connection's lock. At most one thread is inside the system call, without the lock;
/// whoever appends meanwhile leaves his bytes to it. When the socket takes no more, <see cref="IsBlocked"/> is set and the connection's own thread goes on once
/// the socket is writable: a slow peer never holds up another thread.
/// </remarks>
internal sealed unsafe class SendQueue(ChunkPool pool)
{
    private Segment[] _segments = new Segment[16]; // A ring; guarded by Sync, as everything here.
    private int _head;
    private int _count;
    private Chunk? _tail; // What small pieces are copied into.
    private int _tailUsed;
    private bool _isSending;
    private bool _isClosed;

    public enum Outcome
    {
        /// <summary>All is sent, or somebody else is sending it.</summary>
        Done,

        /// <summary>The socket takes no more for now.</summary>
        Blocked,

        Broken,
    }

    public Lock Sync { get; } = new();

    /// <summary>Bytes appended and not yet taken by the socket.</summary>
    public long QueuedBytes { get; private set; }

    /// <summary>All bytes that were ever appended; a request whose last byte has a number up to <see cref="SentBytes"/> is out.</summary>
    public long AppendedBytes { get; private set; }

    public long SentBytes { get; private set; }

    /// <summary>The socket took no more, and the connection's thread is to wait until it does.</summary>
    public bool IsBlocked { get; private set; }

    /// <summary>Some thread is inside the system call.</summary>
    public bool IsSending => _isSending;

    public bool IsIdle => _count == 0 && !_isSending;

    /// <summary>Appends a piece of a chunk, and takes over one reference to it.</summary>
    public void Append(Chunk chunk, int start, int lengthBytes)
    {
        byte* pointer = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(chunk.Bytes, start);
        if (_count > 0)
        {
            ref Segment last = ref _segments[(_head + _count - 1) & (_segments.Length - 1)];
            if (ReferenceEquals(last.Owner, chunk) && last.Start + last.LengthBytes == pointer)
            {
                last.LengthBytes += lengthBytes;
                Count(lengthBytes);
                chunk.Release();
                return;
            }
        }

        Add(new Segment { Start = pointer, LengthBytes = lengthBytes, Owner = chunk });
    }

    /// <summary>Appends memory that its owner leaves untouched until it is sent or the queue is closed.</summary>
    public void AppendPinned(ReadOnlyMemory<byte> memory)
    {
        MemoryHandle pin = memory.Pin();
        Add(new Segment { Start = (byte*)pin.Pointer, LengthBytes = memory.Length, Pin = pin });
    }

    /// <summary>Appends a copy of a small piece.</summary>
    public void AppendCopy(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        CommitReserved(bytes.Length);
    }

    /// <summary>Room for a small piece, to be filled and committed under the same hold of the lock.</summary>
    public Span<byte> Reserve(int lengthBytes)
    {
        if (_tail is not null && IsIdle && _tail.IsExclusive)
            _tailUsed = 0;
        if (_tail is null || _tail.LengthBytes - _tailUsed < lengthBytes)
        {
            _tail?.Release();
            _tail = pool.Rent(lengthBytes);
            _tailUsed = 0;
        }

        return _tail.Bytes.AsSpan(_tailUsed, lengthBytes);
    }

    public void CommitReserved(int lengthBytes)
    {
        _tail!.Retain();
        Append(_tail, _tailUsed, lengthBytes);
        _tailUsed += lengthBytes;
        if (_isClosed)
            ReleaseAll();
    }

    /// <summary>Sends what is there. Called without the lock, on any thread.</summary>
    /// <param name="socket">The connection's.</param>
    /// <param name="retry">By the connection's thread, when the socket has become writable.</param>
    public Outcome Send(StreamSocket socket, bool retry = false)
    {
        Libc.Piece* pieces = stackalloc Libc.Piece[Limits.MaxSendPieces];
        int sent = 0;
        bool mine = false;
        while (true)
        {
            int count;
            lock (Sync)
            {
                if (mine)
                {
                    if (sent > 0)
                        Consume(sent);
                    else
                        IsBlocked = sent == StreamSocket.WouldBlock;
                    if (sent <= 0 || _count == 0 || _isClosed)
                    {
                        _isSending = false;
                        if (_isClosed)
                            ReleaseAll();
                        return sent > 0 ? Outcome.Done : IsBlocked ? Outcome.Blocked : Outcome.Broken;
                    }
                }
                else
                {
                    if (retry)
                        IsBlocked = false;
                    if (_isSending || _isClosed || IsBlocked || _count == 0)
                        return Outcome.Done;
                    mine = _isSending = true;
                }

                count = Snapshot(pieces);
            }

            sent = SendPieces(socket, pieces, count);
        }
    }

    /// <summary>Nothing more is sent; memory is released as soon as no system call uses it.</summary>
    public void Close()
    {
        lock (Sync)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            if (!_isSending)
                ReleaseAll();
        }
    }

    private static int SendPieces(StreamSocket socket, Libc.Piece* pieces, int count)
    {
        try
        {
            int sent = socket.Send(pieces, count);
            return sent == 0 ? StreamSocket.Broken : sent;
        }
        catch (ObjectDisposedException)
        {
            return StreamSocket.Broken;
        }
    }

    private int Snapshot(Libc.Piece* pieces)
    {
        int count = Math.Min(_count, Limits.MaxSendPieces);
        for (int i = 0; i < count; i++)
        {
            ref Segment segment = ref _segments[(_head + i) & (_segments.Length - 1)];
            pieces[i] = new Libc.Piece { Start = segment.Start, LengthBytes = segment.LengthBytes };
        }

        return count;
    }

    private void Consume(int sentBytes)
    {
        QueuedBytes -= sentBytes;
        SentBytes += sentBytes;
        while (sentBytes > 0)
        {
            ref Segment segment = ref _segments[_head];
            int taken = Math.Min(sentBytes, segment.LengthBytes);
            sentBytes -= taken;
            segment.Start += taken;
            segment.LengthBytes -= taken;
            if (segment.LengthBytes == 0)
                RemoveFirst();
        }
    }

    private void Add(Segment segment)
    {
        Count(segment.LengthBytes);
        if (_isClosed)
        {
            segment.Release();
            return;
        }

        if (_count == _segments.Length)
            Grow();
        _segments[(_head + _count++) & (_segments.Length - 1)] = segment;
    }

    private void Count(int lengthBytes)
    {
        QueuedBytes += lengthBytes;
        AppendedBytes += lengthBytes;
    }

    private void Grow()
    {
        var larger = new Segment[_segments.Length * 2];
        for (int i = 0; i < _count; i++)
            larger[i] = _segments[(_head + i) & (_segments.Length - 1)];
        (_segments, _head) = (larger, 0);
    }

    private void RemoveFirst()
    {
        _segments[_head].Release();
        _segments[_head] = default;
        _head = (_head + 1) & (_segments.Length - 1);
        _count--;
    }

    private void ReleaseAll()
    {
        while (_count > 0)
            RemoveFirst();
        _tail?.Release();
        _tail = null;
        QueuedBytes = 0;
    }

    private struct Segment
    {
        public byte* Start;
        public int LengthBytes;
        public Chunk? Owner;
        public MemoryHandle Pin;

        public void Release()
        {
            Owner?.Release();
            Pin.Dispose();
        }
    }
}
