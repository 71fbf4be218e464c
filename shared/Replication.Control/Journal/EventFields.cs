using System.Globalization;

namespace Replication.Control.Journal;

/// <summary>Brings what a publisher gave to the three kinds of values that events have.</summary>
internal static class EventFields
{
    public static (string Name, object Value)[] Normalise(ReadOnlySpan<(string Name, object Value)> fields)
    {
        var result = new (string Name, object Value)[fields.Length];
        for (int i = 0; i < fields.Length; i++)
            result[i] = (fields[i].Name, Normalise(fields[i].Value));
        return result;
    }

    private static object Normalise(object value) => value switch
    {
        string or bool or long => value,
        byte or sbyte or short or ushort or int or uint => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        ulong number => number <= long.MaxValue ? (long)number : number.ToString(CultureInfo.InvariantCulture),
        Guid id => id.ToString("N"),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value?.ToString() ?? "",
    };
}
