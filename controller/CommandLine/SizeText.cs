using System.CommandLine.Parsing;
using System.Globalization;

namespace Replication.Controller.CommandLine;

/// <summary>Sizes as the configuration writes them: <c>512</c>, <c>64KiB</c>, <c>1MiB</c>, <c>10GiB</c>.</summary>
internal static class SizeText
{
    public const string Forms = "a size such as 512, 64KiB, 1MiB or 10GiB";

    private static readonly (string Suffix, int Shift)[] s_units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

    public static bool TryParse(string text, out long bytes)
    {
        int shift = 0;
        foreach ((string suffix, int unitShift) in s_units)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal))
            {
                text = text[..^suffix.Length];
                shift = unitShift;
                break;
            }
        }

        bool parsed = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out bytes) && bytes <= long.MaxValue >> shift;
        bytes = parsed ? bytes << shift : 0;
        return parsed;
    }

    public static long Parse(ArgumentResult result)
    {
        if (TryParse(result.Tokens[0].Value, out long bytes))
            return bytes;
        result.AddError($"{((OptionResult)result.Parent!).Option.Name}: '{result.Tokens[0].Value}' is not {Forms}.");
        return 0;
    }

    /// <summary>For people: three digits and a binary unit.</summary>
    public static string Format(long bytes)
    {
        for (int i = s_units.Length - 1; i >= 0; i--)
        {
            if (bytes >= 1L << s_units[i].Shift)
                return string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << s_units[i].Shift):0.##} {s_units[i].Suffix}");
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes} B");
    }
}
