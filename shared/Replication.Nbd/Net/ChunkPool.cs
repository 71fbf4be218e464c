namespace Replication.Nbd;

/// <summary>Free chunks of two sizes for all connections of the process. Rarer sizes are left to the garbage collector.</summary>
internal sealed class ChunkPool
{
    private readonly Lock _lock = new();
    private readonly Chunk?[] _small = new Chunk?[Limits.MaxPooledChunks]; // Stacks: what was used last is still in the cache. Guarded by _lock.
    private readonly Chunk?[] _large = new Chunk?[Limits.MaxPooledLargeChunks];
    private int _smallCount;
    private int _largeCount;
    private int _outstanding;

    public static ChunkPool Shared { get; } = new();

    /// <summary>Chunks rented and not yet released; tests look for leaks.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>A chunk of at least that size, with one reference: the caller's.</summary>
    public Chunk Rent(int lengthBytes = Limits.ChunkBytes)
    {
        Chunk? chunk = null;
        lock (_lock)
        {
            _outstanding++;
            if (lengthBytes <= Limits.ChunkBytes)
                chunk = _smallCount > 0 ? _small[--_smallCount] : null;
            else if (lengthBytes <= Limits.LargeChunkBytes)
                chunk = _largeCount > 0 ? _large[--_largeCount] : null;
        }

        chunk ??= new Chunk(this, lengthBytes <= Limits.ChunkBytes ? Limits.ChunkBytes : Math.Max(lengthBytes, Limits.LargeChunkBytes));
        chunk.Rent();
        return chunk;
    }

    internal void Return(Chunk chunk)
    {
        lock (_lock)
        {
            _outstanding--;
            if (chunk.LengthBytes == Limits.ChunkBytes && _smallCount < _small.Length)
                _small[_smallCount++] = chunk;
            else if (chunk.LengthBytes == Limits.LargeChunkBytes && _largeCount < _large.Length)
                _large[_largeCount++] = chunk;
        }
    }
}
