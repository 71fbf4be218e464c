using System.Runtime.InteropServices;

namespace Replication.Simulation.CrashPoints;

/// <summary>Tells outcomes that leave the same bytes from those that do not.</summary>
internal sealed class Digest
{
    public ulong Value { get; private set; } = 14695981039346656037;

    public void Add(ulong value)
    {
        unchecked
        {
            Value = (Value ^ value) * 0x9E3779B97F4A7C15;
            Value ^= Value >> 29;
        }
    }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
            Add(word);
        foreach (byte rest in bytes[(words.Length * sizeof(ulong))..])
            Add(rest);
        Add((ulong)bytes.Length);
    }

    public void Add(string text) => Add(MemoryMarshal.AsBytes(text.AsSpan()));
}
