using Replication.Block;

namespace Replication.Simulation.Model;

/// <summary>
/// What a disk may hold, byte by byte: what is certain, and beside it the writes of which nobody knows whether they happened, or in which order.
/// </summary>
/// <remarks>
/// A write is an alternative from its begin on. When it succeeds its bytes become certain, and the alternatives that had ended before it began are gone there;
/// those that were under way beside it stay, for either may have come last. One that failed, or whose process died, stays an alternative until something
/// certain covers it. A read makes certain what it has seen where nothing is under way.
/// </remarks>
internal sealed partial class ByteModel
{
    private readonly byte[] _certain;
    private readonly List<Alternative> _alternatives = [];
    private readonly List<Reading> _readings = [];

    public ByteModel(ReadOnlySpan<byte> content) => _certain = content.ToArray();

    public long LengthBytes => _certain.Length;

    public Alternative BeginWrite(BlockRange range, byte[] bytes)
    {
        bool[] valid = new bool[range.LengthBytes];
        Array.Fill(valid, true);
        var write = new Alternative(range, bytes, valid) { IsUnderWay = true };
        foreach (Alternative other in _alternatives)
        {
            if (other.IsUnderWay && other.Range.Overlaps(range))
            {
                other.Beside.Add(write);
                write.Beside.Add(other);
            }
        }

        _alternatives.Add(write);
        BeginBelow(write);
        foreach (Reading reading in _readings)
        {
            if (!reading.Range.Overlaps(range))
                continue;
            reading.Alternatives.Add(write);
            reading.MetWrites = true;
        }

        return write;
    }

    /// <summary>The write has succeeded; <paramref name="isSafe"/>: and a loss of power does not take it back.</summary>
    public void Succeed(Alternative write, bool isSafe = false)
    {
        write.IsUnderWay = false;
        EndBelow(write, isSafe);
        write.Bytes.CopyTo(_certain, (int)write.Range.OffsetBytes);
        for (int i = 0; i < _alternatives.Count; i++)
        {
            Alternative other = _alternatives[i];
            if (other != write && !write.Beside.Contains(other))
                other.Invalidate(write.Range);
        }

        // A write beside it that has already succeeded may have come last.
        if (write.Beside.Count == 0)
            _alternatives.Remove(write);
        Prune();
    }

    /// <summary>Nobody knows what became of it.</summary>
    public void Doubt(Alternative write)
    {
        write.IsUnderWay = false;
        EndBelow(write, isSafe: false);
    }

    /// <summary>The read has no answer that counts.</summary>
    public void Forget(Reading reading) => _readings.Remove(reading);

    public Reading BeginRead(BlockRange range)
    {
        var reading = new Reading(range, _certain.AsSpan((int)range.OffsetBytes, (int)range.LengthBytes).ToArray());
        reading.Alternatives.AddRange(_alternatives.Where(alternative => alternative.Range.Overlaps(range)));
        reading.ValidThen.AddRange(reading.Alternatives.Select(alternative => (bool[])alternative.Valid.Clone()));
        reading.MetWrites = reading.Alternatives.Any(alternative => alternative.IsUnderWay);
        _readings.Add(reading);
        return reading;
    }

    /// <summary>Offset of the first byte that this disk cannot have held at any moment of the read; -1: it may all have been so.</summary>
    public long EndRead(Reading reading, ReadOnlySpan<byte> bytes)
    {
        _readings.Remove(reading);
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == reading.Certain[i])
                continue;
            long offset = reading.Range.OffsetBytes + i;
            bool known = false;
            for (int a = 0; a < reading.Alternatives.Count && !known; a++)
            {
                Alternative alternative = reading.Alternatives[a];
                if (offset < alternative.Range.OffsetBytes || offset >= alternative.Range.EndBytes)
                    continue;
                int at = (int)(offset - alternative.Range.OffsetBytes);
                known = alternative.Bytes[at] == bytes[i] && (a >= reading.ValidThen.Count || reading.ValidThen[a][at]);
            }

            if (!known)
                return offset;
        }

        return -1;
    }

    /// <summary>Offset of the first byte that the disk cannot hold now; -1: none.</summary>
    public long Check(BlockRange range, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> certain = _certain.AsSpan((int)range.OffsetBytes, (int)range.LengthBytes);
        for (int i = bytes.CommonPrefixLength(certain); i < bytes.Length;)
        {
            if (!MayHold(range.OffsetBytes + i, bytes[i]))
                return range.OffsetBytes + i;
            i++;
            i += bytes[i..].CommonPrefixLength(certain[i..]);
        }

        return -1;
    }

    /// <summary>What a read has seen while nothing wrote there: what was in doubt is settled.</summary>
    public void Settle(Reading reading, ReadOnlySpan<byte> bytes)
    {
        if (reading.MetWrites)
            return;
        BlockRange range = reading.Range;
        bytes.CopyTo(_certain.AsSpan((int)range.OffsetBytes));
        foreach (Alternative alternative in _alternatives)
            alternative.Invalidate(range);
        Prune();
    }

    private bool MayHold(long offset, byte value)
    {
        foreach (Alternative alternative in _alternatives)
        {
            if (offset < alternative.Range.OffsetBytes || offset >= alternative.Range.EndBytes)
                continue;
            int at = (int)(offset - alternative.Range.OffsetBytes);
            if (alternative.Valid[at] && alternative.Bytes[at] == value)
                return true;
        }

        return false;
    }

    private void Prune() => _alternatives.RemoveAll(alternative => !alternative.IsUnderWay && Array.IndexOf(alternative.Valid, true) < 0);

    /// <summary>A write that may or may not be there.</summary>
    internal sealed class Alternative(BlockRange range, byte[] bytes, bool[] valid)
    {
        public BlockRange Range => range;

        public byte[] Bytes => bytes;

        public bool[] Valid => valid;

        public bool IsUnderWay { get; set; }

        /// <summary>The same write in the models of what a flush has made safe.</summary>
        public List<(ByteModel Model, Alternative Write)> Below { get; } = [];

        /// <summary>Writes of which some moment saw both under way.</summary>
        public List<Alternative> Beside { get; } = [];

        public void Invalidate(BlockRange covered)
        {
            BlockRange shared = covered.Intersect(range);
            if (!shared.IsEmpty)
                Array.Clear(valid, (int)(shared.OffsetBytes - range.OffsetBytes), (int)shared.LengthBytes);
        }
    }

    /// <summary>A read that is under way: what the disk may hold at some moment of it.</summary>
    internal sealed class Reading(BlockRange range, byte[] certain)
    {
        public BlockRange Range => range;

        public byte[] Certain => certain;

        public List<Alternative> Alternatives { get; } = [];

        public List<bool[]> ValidThen { get; } = [];

        /// <summary>A write was under way there at some moment of the read.</summary>
        public bool MetWrites { get; set; }
    }
}
