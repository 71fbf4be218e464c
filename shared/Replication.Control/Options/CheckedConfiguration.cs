using System.Globalization;

namespace Replication.Control.Options;

/// <summary>A configuration of which every key is known, available, and has a value that its kind accepts. Missing keys are the reader's to find.</summary>
internal sealed class CheckedConfiguration
{
    private readonly Dictionary<string, (string Value, string? Variable)> _values = [];

    private CheckedConfiguration(string directory) => Directory = directory;

    /// <summary>What relative paths count from.</summary>
    public string Directory { get; }

    /// <exception cref="ConfigurationException">The first key, in the order of their names, that is refused.</exception>
    public static CheckedConfiguration Check(RawConfiguration raw)
    {
        var result = new CheckedConfiguration(raw.Directory);
        foreach ((string path, string? value, string? variable) in raw.Entries)
            result.Add(path, value, variable);
        return result;
    }

    /// <summary>The value given for a key, else its default, else null.</summary>
    public string? Value(string path) =>
        _values.TryGetValue(path, out (string Value, string? Variable) given) ? given.Value : Schema.Find(path.Split(':'))!.Default;

    public bool IsGiven(string path) => _values.ContainsKey(path);

    /// <summary>A key as messages name it: its full path, and the environment variable where one set it.</summary>
    public string NameOf(string path) =>
        Name($"{Schema.Root}:{path}", _values.TryGetValue(path, out (string Value, string? Variable) given) ? given.Variable : null);

    /// <summary>The indexes that a list has, ascending; a hole between them is no element.</summary>
    public IReadOnlyList<int> Indexes(string list) =>
        [.. _values.Keys.Where(k => k.StartsWith(list + ":", StringComparison.Ordinal))
            .Select(k => int.Parse(k.Split(':')[list.Split(':').Length], CultureInfo.InvariantCulture)).Distinct().Order()];

    public ConfigurationException Missing(string path, string because = "")
    {
        ValueKind kind = Schema.Find(path.Split(':'))!.Kind;
        return new ConfigurationException(NameOf(path), $"missing{because}; accepted: {kind.Accepted}");
    }

    public ConfigurationException Refused(string path, string reason) => new(NameOf(path), $"{ConfigurationException.Quote(Value(path) ?? "")} {reason}");

    private static string Name(string fullPath, string? variable) => variable is null ? fullPath : $"{fullPath} (environment variable {variable})";

    private void Add(string fullPath, string? value, string? variable)
    {
        string[] segments = fullPath.Split(':');
        if (!segments[0].Equals(Schema.Root, StringComparison.OrdinalIgnoreCase))
            throw new ConfigurationException(segments[0], $"unknown key; everything lies in the section {Schema.Root}");
        segments = segments[1..];
        if (Schema.Find(segments) is { } key)
        {
            AddValue(key, Schema.Spell(segments), value, variable);
            return;
        }

        // What lies below a name that is not known is not worth naming.
        string name = Name(string.Join(':', [Schema.Root, .. Schema.Spell(segments).Take(Schema.KnownSegments(segments) + 1)]), variable);
        if (Schema.IsLater(segments))
            throw new ConfigurationException(name, ValueKind.NotAvailable);
        if (!Schema.IsSection(segments, out bool isList))
            throw new ConfigurationException(name, $"unknown key; known here: {string.Join(", ", Schema.Siblings(segments))}");
        // An empty list reaches us as an empty text; a section without keys, and null, as no text.
        if (!string.IsNullOrEmpty(value) || (value is not null && (variable is not null || !isList)))
            throw new ConfigurationException(name, isList ? $"must be a list{(variable is null ? "" : $": set {variable}__0")}" : "must be an object");
    }

    private void AddValue(SchemaKey key, string[] segments, string? value, string? variable)
    {
        string path = string.Join(':', segments);
        string name = Name($"{Schema.Root}:{path}", variable);
        if (key.Availability == Availability.Later)
            throw new ConfigurationException(name, ValueKind.NotAvailable);
        if (value is null)
            return; // null in JSON: not given.
        if (key.Kind.Refusal(value) is { } reason)
            throw new ConfigurationException(name, $"{ConfigurationException.Quote(value)} {reason}; accepted: {key.Kind.Accepted}");
        _values[path] = (value, variable);
    }
}
