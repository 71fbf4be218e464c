using System.Collections.Concurrent;

namespace Replication.Nbd;

/// <summary>Free chunks of two sizes for all connections of the process. Rarer sizes are left to the garbage collector.</summary>
internal sealed class ChunkPool
{
    private readonly ConcurrentStack<Chunk> _chunks = new();
    private readonly ConcurrentStack<Chunk> _largeChunks = new();
    private int _outstanding; // Interlocked; tests look for leaks.

    public static ChunkPool Shared { get; } = new();

    /// <summary>Chunks rented and not yet released.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>A chunk of at least that size, with one reference: the caller's.</summary>
    public Chunk Rent(int lengthBytes = Limits.ChunkBytes)
    {
        Interlocked.Increment(ref _outstanding);
        Chunk? chunk = null;
        if (lengthBytes <= Limits.ChunkBytes)
            chunk = _chunks.TryPop(out Chunk? small) ? small : new Chunk(this, Limits.ChunkBytes);
        else if (lengthBytes <= Limits.LargeChunkBytes)
            chunk = _largeChunks.TryPop(out Chunk? large) ? large : new Chunk(this, Limits.LargeChunkBytes);
        chunk ??= new Chunk(this, lengthBytes);
        chunk.Rent();
        return chunk;
    }

    /// <summary>The counts of a concurrent stack are walks, so the bound is kept loosely: a race may keep one chunk more.</summary>
    internal void Return(Chunk chunk)
    {
        Interlocked.Decrement(ref _outstanding);
        if (chunk.LengthBytes == Limits.ChunkBytes && _chunks.Count < Limits.MaxPooledChunks)
            _chunks.Push(chunk);
        else if (chunk.LengthBytes == Limits.LargeChunkBytes && _largeChunks.Count < Limits.MaxPooledLargeChunks)
            _largeChunks.Push(chunk);
    }
}
