using System.Buffers;
using Xunit;

namespace Replication.Testing;

/// <summary>A pool that knows what is out: a buffer returned twice or never fails the test, and one used after its return holds poison.</summary>
public sealed class LeakCheckingPool : ArrayPool<byte>
{
    private readonly Lock _lock = new();
    private readonly HashSet<byte[]> _out = new(ReferenceEqualityComparer.Instance); // guarded by _lock

    public int OutCount
    {
        get
        {
            lock (_lock)
                return _out.Count;
        }
    }

    public override byte[] Rent(int minimumLength)
    {
        byte[] buffer = Poison.Buffer(minimumLength);
        lock (_lock)
            _out.Add(buffer);
        return buffer;
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        lock (_lock)
        {
            if (!_out.Remove(array))
                throw new InvalidOperationException("a buffer came back that was not out: returned twice?");
        }

        Array.Fill(array, Poison.Value);
    }

    /// <summary>Nothing is out.</summary>
    public void AssertAllReturned() => Assert.Equal(0, OutCount);
}
