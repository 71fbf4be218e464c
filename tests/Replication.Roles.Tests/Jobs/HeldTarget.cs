using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Roles.Tests.Jobs;

/// <summary>A backup's target in memory, whose writes a test may hold; a write that is held has been read already.</summary>
internal sealed class HeldTarget : IBackupTarget
{
    private readonly DeferredNode _deferred;
    private readonly Image _image;

    public HeldTarget(string name, long lengthBytes, bool isHeld)
    {
        Identity = name;
        Memory = new MemoryNode(lengthBytes, name);
        _image = new Image(Memory);
        _deferred = new DeferredNode(_image, name);
        foreach (BlockOperation operation in Enum.GetValues<BlockOperation>())
            _deferred.Immediate.Add(operation);
        IsHeld = isHeld;
    }

    public MemoryNode Memory { get; }

    /// <summary>Writes wait until a test lets them go.</summary>
    public bool IsHeld
    {
        set
        {
            foreach (BlockOperation operation in (BlockOperation[])[BlockOperation.Write, BlockOperation.WriteZeroes])
                _ = value ? _deferred.Immediate.Remove(operation) : _deferred.Immediate.Add(operation);
        }
    }

    public bool IsSealed { get; private set; }

    public bool IsClosed { get; private set; }

    /// <summary>What waits.</summary>
    public IReadOnlyList<DeferredRequest> Pending => _deferred.Pending;

    public BlockNode Node => _deferred;

    public int ClusterBytes => 4096;

    public string Identity { get; }

    public Task WaitForWritesAsync(int count = 1) => _deferred.WaitForPendingAsync(count);

    /// <summary>Everything goes through from here on.</summary>
    public async Task LetGoAsync()
    {
        IsHeld = false;
        await _deferred.ReleaseAllAsync();
    }

    public ValueTask SealAsync()
    {
        IsSealed = true;
        return default;
    }

    public ValueTask DisposeAsync()
    {
        IsClosed = true;
        return default;
    }

    /// <summary>What it holds over a backing file: what has been written or zeroed in it.</summary>
    public byte[] Over(byte[] backing)
    {
        byte[] content = [.. backing];
        byte[] held = Memory.Snapshot();
        for (long sector = _image.Held.NextSet(0, _image.Held.LengthBits); sector < _image.Held.LengthBits;)
        {
            long end = _image.Held.NextClear(sector, _image.Held.LengthBits);
            Range range = (int)(sector * Image.SectorBytes)..(int)(end * Image.SectorBytes);
            held.AsSpan(range).CopyTo(content.AsSpan(range));
            sector = _image.Held.NextSet(end, _image.Held.LengthBits);
        }

        return content;
    }

    /// <summary>An image that knows what it holds itself, zeroes included; the rest reads as zeroes.</summary>
    private sealed class Image(MemoryNode memory) : BlockNode(memory.Name, memory.LengthBytes, NodeCapabilities.AllNative)
    {
        public const int SectorBytes = 512;

        public BlockBitmap Held { get; } = new(memory.LengthBytes / SectorBytes);

        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => memory.ReadAsync(offsetBytes, buffer);

        protected override ValueTask<Extent> StatusCore(BlockRange range) => memory.StatusAsync(range);

        protected override ValueTask FlushCore() => default;

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
        {
            Hold(new BlockRange(offsetBytes, data.Length));
            return memory.WriteAsync(offsetBytes, data);
        }

        protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags)
        {
            Hold(range);
            return memory.WriteZeroesAsync(range);
        }

        protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => WriteZeroesCore(range, flags);

        private void Hold(BlockRange range) => Held.Set(range.OffsetBytes / SectorBytes, range.LengthBytes / SectorBytes);
    }
}
