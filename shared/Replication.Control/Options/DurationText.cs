using System.Globalization;

namespace Replication.Control.Options;

/// <summary>Durations as people write them: <c>500ms</c>, <c>2s</c>, <c>1m</c>, <c>1h</c>. The unit is never left out.</summary>
internal static class DurationText
{
    private static readonly (string Unit, long Ms)[] s_units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        foreach ((string unit, long unitMs) in s_units)
        {
            // Nine digits of any unit lie far inside a TimeSpan, so that the product cannot overflow.
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && int.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int count))
            {
                duration = TimeSpan.FromMilliseconds(count * unitMs);
                return true;
            }
        }

        duration = default;
        return false;
    }

    public static string Format(TimeSpan duration)
    {
        long ms = (long)duration.TotalMilliseconds;
        (string unit, long unitMs) = s_units.Last(u => u.Ms == 1 || (ms >= u.Ms && ms % u.Ms == 0));
        return string.Create(CultureInfo.InvariantCulture, $"{ms / unitMs}{unit}");
    }
}
