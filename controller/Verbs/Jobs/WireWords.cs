using System.CommandLine;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>QEMU's words for the wire's enumerations: <c>on-success</c> is <c>OnSuccess</c>. Its zero stands for nothing being said.</summary>
internal static class WireWords<T>
    where T : struct, Enum
{
    private static readonly Dictionary<string, T> s_values =
        Enum.GetValues<T>().Skip(1).ToDictionary(value => WireNames.Kebab(value.ToString()), StringComparer.Ordinal);

    public static string[] All => [.. s_values.Keys];

    public static bool TryParse(string word, out T value) => s_values.TryGetValue(word, out value);

    /// <param name="word">One of <see cref="All"/>; null: nothing was said.</param>
    public static T Parse(string? word) => word is null ? default : s_values[word];

    public static Option<string> Option(string name, string description) => new Option<string>(name)
    {
        Description = description,
        HelpName = string.Join('|', All),
    }.OneOf(All);
}
