using Replication.Block;

namespace Replication.Simulation.Storage;

/// <summary>A disk or a file: what outlives the process that uses it.</summary>
internal sealed class Medium
{
    public const int SectorBytes = 512;

    private readonly bool[] _allocated;
    private readonly List<PendingWrite> _pending = [];

    public Medium(string name, long lengthBytes)
    {
        Name = name;
        Content = new byte[lengthBytes];
        _allocated = new bool[(lengthBytes + SectorBytes - 1) / SectorBytes];
    }

    /// <summary>What a crash has left.</summary>
    public Medium(string name, byte[] content, bool[] allocated) => (Name, Content, _allocated) = (name, content, allocated);

    public string Name { get; }

    /// <summary>What a reader gets now: the page cache.</summary>
    public byte[] Content { get; }

    public long LengthBytes => Content.Length;

    /// <summary>Flushes that have been asked for so far.</summary>
    public long Flushes { get; set; }

    /// <summary>Requests that arrive while it hangs wait until it does not.</summary>
    public bool Hangs { get; private set; }

    /// <summary>What a loss of power may take; null: nobody asks.</summary>
    public UnflushedSectors? Unflushed { get; private set; }

    /// <summary>Writes between their submission and their end, in the order in which they were submitted.</summary>
    public IReadOnlyList<PendingWrite> Pending => _pending;

    private List<Action> Held { get; } = [];

    /// <summary>From here on it is known what a loss of power may take; everything up to here is safe.</summary>
    public void KeepUnflushed(WriteOrder order) => Unflushed = new UnflushedSectors(order);

    public bool IsAllocated(int sector) => _allocated[sector];

    public bool[] Allocation() => (bool[])_allocated.Clone();

    public byte[] SectorAt(int sector) => [.. Content.AsSpan(sector * SectorBytes, Math.Min(SectorBytes, Content.Length - sector * SectorBytes))];

    /// <summary>What was on it before the run.</summary>
    public void Write(long offsetBytes, byte[] content) =>
        Apply(new PendingWrite(new BlockRange(offsetBytes, content.Length), content, false), new BlockRange(offsetBytes, content.Length));

    /// <summary>A byte changes behind everybody's back. Where there was a hole is data now: a hole has nothing that could rot, and reads as zeroes.</summary>
    public void Rot(long offsetBytes)
    {
        Content[offsetBytes] ^= 0xFF;
        _allocated[offsetBytes / SectorBytes] = true;
    }

    public void Hang() => Hangs = true;

    public void Unhang()
    {
        Hangs = false;
        foreach (Action held in Held)
            held();
        Held.Clear();
    }

    public void Hold(Action begin) => Held.Add(begin);

    public Extent Status(BlockRange range)
    {
        long sector = range.OffsetBytes / SectorBytes;
        bool allocated = _allocated[sector];
        while (sector * SectorBytes < range.EndBytes && _allocated[sector] == allocated)
        {
            if (++sector == _allocated.Length)
                break;
        }

        long end = Math.Min(sector * SectorBytes, range.EndBytes);
        return new Extent(end - range.OffsetBytes, allocated ? ExtentFlags.Data : ExtentFlags.Hole | ExtentFlags.Zero);
    }

    /// <summary>A write is under way: from here until <see cref="Land"/> a kill may leave any part of it.</summary>
    public PendingWrite Begin(BlockRange range, ReadOnlyMemory<byte> data, bool unmaps)
    {
        var pending = new PendingWrite(range, data, unmaps);
        _pending.Add(pending);
        return pending;
    }

    public void Land(PendingWrite write, bool isSafe = false)
    {
        if (!_pending.Remove(write))
            return;
        Apply(write, write.Range);
        if (isSafe)
            Unflushed?.Flushed(Unflushed.Mark, write.Range);
    }

    /// <summary>The write failed: any of its sectors may be there.</summary>
    public void Tear(PendingWrite write, Random random)
    {
        if (_pending.Remove(write))
            ApplySome(write, random);
    }

    /// <summary>The process is gone: what it was writing is there, or not, or in part, sector by sector.</summary>
    public void Settle(Random random)
    {
        Held.Clear();
        Hangs = false;
        foreach (PendingWrite write in _pending)
            ApplySome(write, random);
        _pending.Clear();
    }

    private void ApplySome(PendingWrite write, Random random)
    {
        int mode = random.Next(3);
        if (mode == 0)
            return;
        for (long offset = write.Range.OffsetBytes; offset < write.Range.EndBytes;)
        {
            long end = Math.Min((offset / SectorBytes + 1) * SectorBytes, write.Range.EndBytes);
            if (mode == 1 || random.Next(2) == 0)
                Apply(write, BlockRange.FromBounds(offset, end));
            offset = end;
        }
    }

    private void Apply(PendingWrite write, BlockRange range)
    {
        Unflushed?.Touch(this, range);
        Span<byte> target = Content.AsSpan((int)range.OffsetBytes, (int)range.LengthBytes);
        if (write.Data.IsEmpty)
            target.Clear();
        else
            write.Data.Span.Slice((int)(range.OffsetBytes - write.Range.OffsetBytes), target.Length).CopyTo(target);
        for (long sector = range.OffsetBytes / SectorBytes; sector * SectorBytes < range.EndBytes; sector++)
        {
            bool whole = sector * SectorBytes >= range.OffsetBytes && Math.Min((sector + 1) * SectorBytes, LengthBytes) <= range.EndBytes;
            _allocated[sector] = !write.Unmaps || (_allocated[sector] && !whole);
        }

        Unflushed?.Add(this, range);
    }

    /// <summary>A write between its submission and its end; no data means zeroes.</summary>
    internal sealed record PendingWrite(BlockRange Range, ReadOnlyMemory<byte> Data, bool Unmaps);
}
