using System.Numerics;

namespace Replication.Benchmarks.Load;

/// <summary>Latencies in steps of an eighth of their size: constant memory, no allocation, and good enough for percentiles. One thread at a time.</summary>
internal sealed class LatencyHistogram
{
    private const int StepBits = 3;
    private readonly long[] _counts = new long[(64 + 1) << StepBits];
    private long _total;

    public void Add(long nanoseconds)
    {
        _counts[Slot((ulong)nanoseconds)]++;
        _total++;
    }

    /// <summary>The upper bound of the slot that the percentile falls into, in microseconds.</summary>
    public double PercentileUs(double percent)
    {
        long left = (long)Math.Ceiling(_total * percent / 100);
        for (int slot = 0; slot < _counts.Length; slot++)
        {
            left -= _counts[slot];
            if (left <= 0)
                return UpperBound(slot) / 1000.0;
        }

        return 0;
    }

    private static int Slot(ulong value)
    {
        int exponent = 63 - BitOperations.LeadingZeroCount(value | 1);
        int shift = Math.Max(0, exponent - StepBits);
        return (shift << StepBits) + (int)(value >> shift);
    }

    private static ulong UpperBound(int slot)
    {
        int shift = Math.Max(0, (slot >> StepBits) - 1);
        return (ulong)(slot - (shift << StepBits) + 1) << shift;
    }
}
