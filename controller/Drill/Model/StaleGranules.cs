using System.Numerics;
using Replication.Block;

namespace Replication.Controller.Drill.Model;

/// <summary>Where a disk's two images may differ, in granules: what a checkpoint of the model has to copy.</summary>
internal sealed class StaleGranules(long lengthBytes)
{
    private const int GranuleShift = 12;
    private readonly ulong[] _words = new ulong[((lengthBytes >> GranuleShift) >> 6) + 1];

    public void Mark(BlockRange range)
    {
        for (long granule = range.OffsetBytes >> GranuleShift; granule <= (range.EndBytes - 1) >> GranuleShift; granule++)
            _words[granule >> 6] |= 1ul << (int)(granule & 63);
    }

    /// <summary>Copies the marked granules and clears the marks.</summary>
    public void CopyAndClear(byte[] source, byte[] target)
    {
        for (int w = 0; w < _words.Length; w++)
        {
            for (ulong word = _words[w]; word != 0; word &= word - 1)
            {
                int offset = ((w << 6) + BitOperations.TrailingZeroCount(word)) << GranuleShift;
                int length = Math.Min(1 << GranuleShift, source.Length - offset);
                source.AsSpan(offset, length).CopyTo(target.AsSpan(offset));
            }

            _words[w] = 0;
        }
    }
}
