namespace Replication.Simulation.Mutants;

/// <summary>One planted bug: a text of one source file, and what takes its place.</summary>
/// <remarks>
/// A file NAME.mutant: what breaks; the source file; <c>&lt;&lt;&lt;&lt;</c>; the text; <c>====</c>; the other text; <c>&gt;&gt;&gt;&gt;</c>. The text must be
/// there once, so that a change of the code that it belongs to is noticed.
/// </remarks>
internal sealed record Mutant(string Name, string What, string File, string Text, string Other)
{
    public const string Extension = ".mutant";

    public static Mutant Read(string path)
    {
        string[] lines = System.IO.File.ReadAllLines(path);
        int text = Array.IndexOf(lines, "<<<<");
        int other = Array.IndexOf(lines, "====");
        int end = Array.IndexOf(lines, ">>>>");
        if (lines.Length < 5 || text != 2 || other < text || end < other)
            throw new InvalidDataException($"{path} is no mutant");
        return new Mutant(Path.GetFileNameWithoutExtension(path), lines[0], lines[1], Join(lines[(text + 1)..other]), Join(lines[(other + 1)..end]));
    }

    /// <summary>The mutated source.</summary>
    /// <exception cref="InvalidDataException">The text is not there once: the mutant must be written anew.</exception>
    public string Apply(string source)
    {
        int at = source.IndexOf(Text, StringComparison.Ordinal);
        if (at < 0 || source.IndexOf(Text, at + 1, StringComparison.Ordinal) >= 0)
        {
            throw new InvalidDataException(
                $"mutant {Name}: its text is {(at < 0 ? "not" : "more than once")} in {File}; the code has changed, write the mutant anew");
        }

        return string.Concat(source.AsSpan(0, at), Other, source.AsSpan(at + Text.Length));
    }

    private static string Join(string[] lines) => string.Join('\n', lines);
}
