namespace Replication.Controller.Output;

/// <summary>Makes one printable line of a text that came from elsewhere: no line breaks, no escape sequences.</summary>
internal static class OneLine
{
    public static string Of(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\x1f') && !text.AsSpan().ContainsAnyInRange('\x7f', '\x9f'))
            return text;
        string plain = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        return string.Join(' ', plain.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }
}
