using System.CommandLine.Parsing;
using System.Globalization;

namespace Replication.Controller.CommandLine;

/// <summary>Durations as the configuration writes them: <c>500ms</c>, <c>2s</c>, <c>1m</c>; a bare number is seconds.</summary>
internal static class DurationText
{
    public const string Forms = "a duration such as 500ms, 2s or 1m";

    public static bool TryParse(string text, out TimeSpan duration)
    {
        (string number, double unitMs) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (text[..^2], 1),
            _ when text.EndsWith('s') => (text[..^1], 1_000),
            _ when text.EndsWith('m') => (text[..^1], 60_000),
            _ => (text, 1_000.0),
        };
        duration = default;
        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            || value * unitMs > TimeSpan.FromDays(1).TotalMilliseconds)
            return false;
        duration = TimeSpan.FromMilliseconds(value * unitMs);
        return duration > TimeSpan.Zero;
    }

    public static TimeSpan Parse(ArgumentResult result)
    {
        if (TryParse(result.Tokens[0].Value, out TimeSpan duration))
            return duration;
        result.AddError($"{((OptionResult)result.Parent!).Option.Name}: '{result.Tokens[0].Value}' is not {Forms}.");
        return default;
    }
}
