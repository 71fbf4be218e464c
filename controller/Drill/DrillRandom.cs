using System.Runtime.InteropServices;

namespace Replication.Controller.Drill;

/// <summary>Random numbers that a seed gives back on every machine and every version (SplitMix64), fast enough to fill gigabytes.</summary>
internal struct DrillRandom(ulong seed)
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;
    private ulong _state = seed;

    /// <summary>A stream of its own for one part of the drill.</summary>
    public static DrillRandom Of(ulong seed, int part)
    {
        var mixer = new DrillRandom(seed ^ ((ulong)part * GoldenGamma));
        return new DrillRandom(mixer.Next());
    }

    public ulong Next()
    {
        ulong z = _state += GoldenGamma;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>From 0 to <paramref name="bound"/> - 1.</summary>
    public long Below(long bound) => (long)(Next() % (ulong)bound);

    public void Fill(Span<byte> bytes)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int i = 0; i < words.Length; i++)
            words[i] = Next();
        ulong last = Next();
        foreach (ref byte b in bytes[(words.Length * sizeof(ulong))..])
        {
            b = (byte)last;
            last >>= 8;
        }
    }
}
