using System.Globalization;

namespace Replication.Control.Options;

/// <summary>Sizes as people write them: <c>512</c>, <c>64KiB</c>, <c>1MiB</c>, <c>10GiB</c>, <c>2TiB</c>.</summary>
internal static class SizeText
{
    private static readonly (string Unit, int Shift)[] s_units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

    public static bool TryParse(string text, out long bytes)
    {
        int shift = 0;
        ReadOnlySpan<char> digits = text;
        foreach ((string unit, int unitShift) in s_units)
        {
            if (!text.EndsWith(unit, StringComparison.Ordinal))
                continue;
            shift = unitShift;
            digits = text.AsSpan(0, text.Length - unit.Length);
        }

        if (long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out bytes) && bytes <= long.MaxValue >> shift)
        {
            bytes <<= shift;
            return true;
        }

        bytes = 0;
        return false;
    }

    public static string Format(long bytes)
    {
        foreach ((string unit, int shift) in s_units)
        {
            if (bytes >= 1L << shift && (bytes & ((1L << shift) - 1)) == 0)
                return string.Create(CultureInfo.InvariantCulture, $"{bytes >> shift}{unit}");
        }

        return bytes.ToString(CultureInfo.InvariantCulture);
    }
}
