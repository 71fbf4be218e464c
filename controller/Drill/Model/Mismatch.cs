using System.Globalization;

namespace Replication.Controller.Drill.Model;

/// <summary>Bytes that are not what the model says: where the first one is, and how many there are.</summary>
/// <param name="Disk">Number of the disk.</param>
/// <param name="OffsetBytes">The first differing byte, on the disk.</param>
/// <param name="Expected">What it should be.</param>
/// <param name="Actual">What it is.</param>
/// <param name="DifferingBytes">How many bytes of what was looked at differ.</param>
internal sealed record Mismatch(int Disk, long OffsetBytes, byte Expected, byte Actual, long DifferingBytes)
{
    /// <summary>Compares; null where all is equal.</summary>
    public static Mismatch? Compare(int disk, long offsetBytes, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        int first = expected.CommonPrefixLength(actual);
        if (first == expected.Length)
            return null;
        long differing = 0;
        for (int i = first; i < expected.Length; i++)
            differing += expected[i] != actual[i] ? 1 : 0;
        return new Mismatch(disk, offsetBytes + first, expected[first], actual[first], differing);
    }

    /// <summary>The earlier one's place, with both counts.</summary>
    public static Mismatch? Sum(Mismatch? a, Mismatch? b) => (a, b) switch
    {
        (null, _) => b,
        (_, null) => a,
        _ => a with { DifferingBytes = a.DifferingBytes + b.DifferingBytes },
    };

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"disk{Disk} at byte {OffsetBytes}: expected 0x{Expected:x2}, found 0x{Actual:x2} ({DifferingBytes} bytes differ)");
}
