using System.Text;

namespace Replication.Control.Options;

/// <summary>
/// A start that is refused: one line that names the key, what is wrong and what is accepted. The
/// process ends with <see cref="ExitCode"/>, nothing changed on disk.
/// </summary>
internal sealed class ConfigurationException(string key, string problem, Exception? inner = null) : Exception(OneLine($"{key}: {problem}"), inner)
{
    public const int ExitCode = 2;

    /// <summary>The key as messages name it.</summary>
    public string Key { get; } = key;

    /// <summary>A value as messages show it: quoted, shortened.</summary>
    public static string Quote(string value) =>
        value.Length <= Limits.QuotedCharacters ? $"\"{value}\"" : $"\"{value.AsSpan(0, Limits.QuotedCharacters)}…\"";

    private static string OneLine(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (char c in text)
            line.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? '?' : c);
        return line.ToString();
    }
}
