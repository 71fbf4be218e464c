using System.Buffers;
using System.Numerics;

namespace Replication.Roles.Mirror;

/// <summary>
/// The memory of a session's forwards: arrays of powers of two, the last one given back first, so that it is still in the cache.
/// </summary>
/// <remarks>
/// The runtime's shared pool keeps some dozen arrays of a size for each processor. A session in mode `local` has thousands under way, rented on one thread and
/// given back on another: most of them would be made anew.
/// </remarks>
internal sealed class PayloadPool(long limitBytes) : ArrayPool<byte>
{
    private readonly Lock _lock = new();
    private readonly Stack<byte[]>[] _free = [.. Enumerable.Range(0, 32).Select(_ => new Stack<byte[]>())]; // guarded by _lock; by the length's logarithm
    private long _freeBytes; // guarded by _lock

    /// <summary>Memory that waits for its next use.</summary>
    public long FreeBytes
    {
        get
        {
            lock (_lock)
                return _freeBytes;
        }
    }

    public override byte[] Rent(int minimumLength)
    {
        int size = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, minimumLength)));
        lock (_lock)
        {
            if (_free[size].TryPop(out byte[]? array))
            {
                _freeBytes -= array.Length;
                return array;
            }
        }

        return GC.AllocateUninitializedArray<byte>(1 << size);
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        if (clearArray)
            Array.Clear(array);
        lock (_lock)
        {
            if (_freeBytes + array.Length > limitBytes)
                return;
            _free[BitOperations.Log2((uint)array.Length)].Push(array);
            _freeBytes += array.Length;
        }
    }
}
