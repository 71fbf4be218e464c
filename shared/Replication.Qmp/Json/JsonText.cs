using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replication.Qmp.Json;

// JSON as QEMU prints it: ASCII alone, a blank after each comma and colon, a line for each value. Clients that parse do not care; shell scripts that look for
// text do.
internal static class JsonText
{
    public static byte[] LineOf(JsonNode? value)
    {
        var text = new StringBuilder();
        Append(text, value);
        text.Append("\r\n");
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    /// <summary>A line of an object whose members need no common parent: what a client sent can stand in it.</summary>
    public static byte[] LineOf(params ReadOnlySpan<KeyValuePair<string, JsonNode?>> members)
    {
        var text = new StringBuilder("{");
        foreach (KeyValuePair<string, JsonNode?> member in members)
            AppendMember(text, member);
        text.Append("}\r\n");
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    private static void Append(StringBuilder text, JsonNode? value)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case JsonObject members:
                text.Append('{');
                int first = text.Length;
                foreach (KeyValuePair<string, JsonNode?> member in members)
                    AppendMember(text, member, first);
                text.Append('}');
                break;
            case JsonArray elements:
                text.Append('[');
                for (int i = 0; i < elements.Count; i++)
                {
                    text.Append(i == 0 ? "" : ", ");
                    Append(text, elements[i]);
                }

                text.Append(']');
                break;
            default:
                AppendScalar(text, value);
                break;
        }
    }

    private static void AppendMember(StringBuilder text, KeyValuePair<string, JsonNode?> member, int first = 1)
    {
        text.Append(text.Length == first ? "" : ", ");
        AppendString(text, member.Key);
        text.Append(": ");
        Append(text, member.Value);
    }

    private static void AppendScalar(StringBuilder text, JsonNode value)
    {
        if (value.GetValueKind() == JsonValueKind.String && value.AsValue().TryGetValue(out string? characters))
            AppendString(text, characters);
        else if (value.AsValue().TryGetValue(out long whole))
            text.Append(whole);
        else if (value.AsValue().TryGetValue(out double real) && !value.AsValue().TryGetValue(out ulong _))
            text.Append(double.IsFinite(real) ? real.ToString("R", CultureInfo.InvariantCulture) : throw new ArgumentException($"JSON has no number {real}"));
        else
            text.Append(value.ToJsonString());
    }

    private static void AppendString(StringBuilder text, string characters)
    {
        text.Append('"');
        foreach (char c in characters)
        {
            int index = "\"\\\b\f\n\r\t".IndexOf(c, StringComparison.Ordinal);
            if (index >= 0)
                text.Append('\\').Append("\"\\bfnrt"[index]);
            else if (c is >= ' ' and < (char)0x7F)
                text.Append(c);
            else
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
        }

        text.Append('"');
    }
}
