using Replication.Block;

namespace Replication.Testing;

/// <summary>
/// A disk in memory that loses power: what was not flushed is kept or lost sector by sector, in any of its
/// versions (<see cref="Crash"/>). Operations complete at once, one at a time.
/// </summary>
public sealed class LossyNode : BlockNode
{
    public const int SectorBytes = 512;
    private const int PageBytes = 4096;

    private readonly byte[] _content;
    private readonly bool[] _allocated;

    // Versions of a sector since its last flush, oldest first; the durable one is the first.
    private readonly Dictionary<int, List<byte[]>> _unflushed = [];

    public LossyNode(long lengthBytes, string name = "lossy", byte fill = 0)
        : this(Filled(lengthBytes, fill), name)
    {
    }

    private LossyNode(byte[] content, string name)
        : base(name, content.Length, NodeCapabilities.AllNative)
    {
        _content = content;
        _allocated = new bool[(content.Length + PageBytes - 1) / PageBytes];
        for (int page = 0; page < _allocated.Length; page++)
            _allocated[page] = content.AsSpan(page * PageBytes, Math.Min(PageBytes, content.Length - page * PageBytes)).ContainsAnyExcept((byte)0);
    }

    /// <summary>Flushes that have been done.</summary>
    public int Flushes { get; private set; }

    public byte[] Snapshot() => [.. _content];

    /// <summary>What a loss of power at this moment leaves: of every sector the durable version, or any later one.</summary>
    public LossyNode Crash(Random random)
    {
        byte[] left = [.. _content];
        foreach ((int sector, List<byte[]> versions) in _unflushed)
        {
            int version = random.Next(versions.Count + 1);
            if (version < versions.Count)
                versions[version].CopyTo(left, sector * SectorBytes);
        }

        return new LossyNode(left, Name);
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        _content.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer.Span);
        return default;
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        var range = new BlockRange(offsetBytes, data.Length);
        Remember(range);
        data.Span.CopyTo(_content.AsSpan((int)offsetBytes));
        for (long page = offsetBytes / PageBytes; page * PageBytes < range.EndBytes; page++)
            _allocated[page] = true;
        return default;
    }

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags)
    {
        Remember(range);
        _content.AsSpan((int)range.OffsetBytes, (int)range.LengthBytes).Clear();
        for (long page = range.OffsetBytes / PageBytes; page * PageBytes < range.EndBytes; page++)
        {
            bool whole = page * PageBytes >= range.OffsetBytes && Math.Min((page + 1) * PageBytes, LengthBytes) <= range.EndBytes;
            _allocated[page] = flags.HasFlag(WriteFlags.NoUnmap) || (_allocated[page] && !whole);
        }

        return default;
    }

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => WriteZeroesCore(range, WriteFlags.None);

    protected override ValueTask FlushCore()
    {
        Flushes++;
        _unflushed.Clear();
        return default;
    }

    protected override ValueTask<Extent> StatusCore(BlockRange range)
    {
        long page = range.OffsetBytes / PageBytes;
        bool allocated = _allocated[page];
        while (page < _allocated.Length && page * PageBytes < range.EndBytes && _allocated[page] == allocated)
            page++;
        return new(
            new Extent(Math.Min(page * PageBytes, range.EndBytes) - range.OffsetBytes, allocated ? ExtentFlags.Data : ExtentFlags.Hole | ExtentFlags.Zero));
    }

    private static byte[] Filled(long lengthBytes, byte fill)
    {
        byte[] content = new byte[lengthBytes];
        Array.Fill(content, fill);
        return content;
    }

    private void Remember(BlockRange range)
    {
        for (int sector = (int)(range.OffsetBytes / SectorBytes); (long)sector * SectorBytes < range.EndBytes; sector++)
        {
            if (!_unflushed.TryGetValue(sector, out List<byte[]>? versions))
                _unflushed.Add(sector, versions = []);
            versions.Add([.. _content.AsSpan(sector * SectorBytes, Math.Min(SectorBytes, _content.Length - sector * SectorBytes))]);
        }
    }
}
