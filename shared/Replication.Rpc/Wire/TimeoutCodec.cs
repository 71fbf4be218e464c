using System.Globalization;

namespace Replication.Rpc.Wire;

/// <summary>The header <c>grpc-timeout</c>: at most eight digits and a unit.</summary>
internal static class TimeoutCodec
{
    private const long MaxValue = 99_999_999;

    // Finest first. A unit is chosen when the value fits its eight digits.
    private static readonly (char Unit, long Ticks)[] s_units =
    [
        ('u', TimeSpan.TicksPerMicrosecond),
        ('m', TimeSpan.TicksPerMillisecond),
        ('S', TimeSpan.TicksPerSecond),
        ('M', TimeSpan.TicksPerMinute),
        ('H', TimeSpan.TicksPerHour),
    ];

    /// <summary>Rounds up, so that the server never gives up before its caller.</summary>
    public static string Encode(TimeSpan timeout)
    {
        foreach ((char unit, long ticks) in s_units)
        {
            long value = (timeout.Ticks / ticks) + (timeout.Ticks % ticks > 0 ? 1 : 0);
            if (value <= MaxValue)
                return string.Create(CultureInfo.InvariantCulture, $"{value}{unit}");
        }

        return string.Create(CultureInfo.InvariantCulture, $"{MaxValue}H");
    }

    public static bool TryDecode(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            return false;
        if (text[^1] == 'n')
        {
            timeout = TimeSpan.FromTicks(value / 100);
            return true;
        }

        foreach ((char unit, long ticks) in s_units)
        {
            if (unit != text[^1])
                continue;
            timeout = TimeSpan.FromTicks(value * ticks); // eight digits of hours still fit
            return true;
        }

        return false;
    }
}
