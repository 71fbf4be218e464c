using Replication.Block;

namespace Replication.Testing;

/// <summary>Counts operations by kind; thread-safe.</summary>
public sealed class OperationCounts
{
    private readonly int[] _counts = new int[(int)BlockOperation.Status + 1];

    public int this[BlockOperation operation] => Volatile.Read(ref _counts[(int)operation]);

    public int Total => _counts.Sum();

    internal void Add(BlockOperation operation) => Interlocked.Increment(ref _counts[(int)operation]);
}
