using Replication.Block;

namespace Replication.Testing;

/// <summary>
/// A disk in memory. Operations complete at once and are atomic with respect to each other; 4 KiB blocks remember whether they are allocated.
/// </summary>
public sealed class MemoryNode : BlockNode
{
    private const int AllocationBytes = 4096;

    private readonly Lock _lock = new();
    private readonly byte[] _content; // guarded by _lock
    private readonly bool[] _allocated; // guarded by _lock

    public MemoryNode(long lengthBytes, string name = "memory", byte fill = 0, NodeCapabilities? capabilities = null)
        : base(name, lengthBytes, capabilities ?? NodeCapabilities.AllNative)
    {
        _content = new byte[lengthBytes];
        _allocated = new bool[(lengthBytes + AllocationBytes - 1) / AllocationBytes];
        if (fill == 0)
            return;
        Array.Fill(_content, fill);
        Array.Fill(_allocated, true);
    }

    /// <summary>How many operations of each kind have arrived.</summary>
    public OperationCounts Counts { get; } = new();

    /// <summary>A copy of the disk.</summary>
    public byte[] Snapshot()
    {
        lock (_lock)
            return [.. _content];
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        Counts.Add(BlockOperation.Read);
        lock (_lock)
            _content.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer.Span);
        return default;
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        Counts.Add(BlockOperation.Write);
        lock (_lock)
        {
            data.Span.CopyTo(_content.AsSpan((int)offsetBytes));
            Allocate(new BlockRange(offsetBytes, data.Length));
        }

        return default;
    }

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags)
    {
        Counts.Add(BlockOperation.WriteZeroes);
        Zero(range, unmap: !flags.HasFlag(WriteFlags.NoUnmap));
        return default;
    }

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags)
    {
        Counts.Add(BlockOperation.Discard);
        Zero(range, unmap: true);
        return default;
    }

    protected override ValueTask FlushCore()
    {
        Counts.Add(BlockOperation.Flush);
        return default;
    }

    protected override ValueTask<Extent> StatusCore(BlockRange range)
    {
        Counts.Add(BlockOperation.Status);
        lock (_lock)
        {
            long block = range.OffsetBytes / AllocationBytes;
            bool allocated = _allocated[block];
            while (block < _allocated.Length && block * AllocationBytes < range.EndBytes && _allocated[block] == allocated)
                block++;
            long endBytes = Math.Min(block * AllocationBytes, range.EndBytes);
            return new(new Extent(endBytes - range.OffsetBytes, allocated ? ExtentFlags.Data : ExtentFlags.Hole | ExtentFlags.Zero));
        }
    }

    private void Zero(BlockRange range, bool unmap)
    {
        lock (_lock)
        {
            _content.AsSpan((int)range.OffsetBytes, (int)range.LengthBytes).Clear();
            if (!unmap)
            {
                Allocate(range);
                return;
            }

            for (long block = (range.OffsetBytes + AllocationBytes - 1) / AllocationBytes; block < _allocated.Length; block++)
            {
                if (Math.Min((block + 1) * AllocationBytes, LengthBytes) > range.EndBytes)
                    break;
                _allocated[block] = false;
            }
        }
    }

    private void Allocate(BlockRange range)
    {
        for (long block = range.OffsetBytes / AllocationBytes; block * AllocationBytes < range.EndBytes; block++)
            _allocated[block] = true;
    }
}
