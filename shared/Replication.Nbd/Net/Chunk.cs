using Replication.Block;

namespace Replication.Nbd;

/// <summary>
/// A pinned, reference-counted piece of memory: what was received, or what waits to be sent. Whoever
/// holds a reference may use it; the last release gives it back.
/// </summary>
internal sealed class Chunk
{
    private readonly ChunkPool _pool;
    private int _references; // Interlocked.

    internal Chunk(ChunkPool pool, int lengthBytes)
    {
        _pool = pool;
        Bytes = GC.AllocateUninitializedArray<byte>(lengthBytes, pinned: true);
    }

    /// <summary>The memory; never moved by the garbage collector.</summary>
    public byte[] Bytes { get; }

    public int LengthBytes => Bytes.Length;

    /// <summary>True if the caller's reference is the only one: then nobody else can take another.</summary>
    public bool IsExclusive => Volatile.Read(ref _references) == 1;

    public void Retain()
    {
        int references = Interlocked.Increment(ref _references);
        Invariant.Check(references > 1, "a chunk was retained after its last release");
    }

    public void Release()
    {
        int references = Interlocked.Decrement(ref _references);
        Invariant.Check(references >= 0, "a chunk was released twice");
        if (references == 0)
            _pool.Return(this);
    }

    internal void Rent() => _references = 1;
}
