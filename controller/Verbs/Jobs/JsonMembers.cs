using System.Text.Json;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>The members of one JSON object, each taken once by name and type; what nobody has taken is refused, for it would be ignored.</summary>
internal sealed class JsonMembers
{
    private readonly string _path;
    private readonly Dictionary<string, JsonElement> _left = new(StringComparer.Ordinal);

    /// <exception cref="CliException">It is no object, or has a member twice.</exception>
    public JsonMembers(string path, JsonElement element)
    {
        _path = path;
        if (element.ValueKind != JsonValueKind.Object)
            throw Wrong("is not an object");
        foreach (JsonProperty member in element.EnumerateObject())
        {
            if (!_left.TryAdd(member.Name, member.Value))
                throw Wrong($"has '{member.Name}' twice");
        }
    }

    public string Path(string name) => $"{_path}.{name}";

    public JsonElement? Any(string name) => _left.Remove(name, out JsonElement value) ? value : null;

    public string? Text(string name) => Any(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        _ => throw WrongMember(name, "is not a string"),
    };

    public string RequiredText(string name) => Text(name) ?? throw Wrong($"lacks '{name}'");

    public long? Number(string name) => Any(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt64(out long number) => number,
        _ => throw WrongMember(name, "is not a whole number"),
    };

    public bool? Flag(string name) => Any(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw WrongMember(name, "is neither true nor false"),
    };

    /// <summary>One of the words of an enumeration of the wire; its zero where nothing is said.</summary>
    public T Word<T>(string name)
        where T : struct, Enum
    {
        if (Text(name) is not { } word)
            return default;
        return WireWords<T>.TryParse(word, out T value)
            ? value
            : throw WrongMember(name, $"is '{word}', which is not one of {string.Join(", ", WireWords<T>.All)}");
    }

    public JsonMembers? Object(string name) => Any(name) is { } value ? new JsonMembers(Path(name), value) : null;

    /// <summary>Everything that was wanted has been taken.</summary>
    public void End()
    {
        if (_left.Keys.Order(StringComparer.Ordinal).FirstOrDefault() is { } unknown)
            throw Wrong($"has '{unknown}', which nothing here knows");
    }

    public CliException WrongMember(string name, string what) => CliException.Usage($"{Path(name)} {what}");

    private CliException Wrong(string what) => CliException.Usage($"{_path} {what}");
}
