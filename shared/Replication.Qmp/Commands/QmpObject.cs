using System.Text.Json.Nodes;
using Replication.Block;

namespace Replication.Qmp;

/// <summary>A command's checked arguments, or a struct in them: what is required is there, what has a default is there, all is of its type.</summary>
/// <remarks>To ask for what the schema does not promise is a mistake of ours and ends the process.</remarks>
public readonly struct QmpObject(JsonObject members)
{
    /// <summary>The members as JSON, for what has no reader here.</summary>
    public JsonObject Members => members;

    public bool Has(string name) => members.ContainsKey(name);

    public string GetString(string name) => Required(name).GetValue<string>();

    /// <summary>Null: it was left out.</summary>
    public string? GetStringOrNull(string name) => members[name]?.GetValue<string>();

    public long GetInteger(string name) => Required(name).GetValue<long>();

    /// <summary>Null: it was left out.</summary>
    public long? GetIntegerOrNull(string name) => members[name]?.GetValue<long>();

    public bool GetBoolean(string name) => Required(name).GetValue<bool>();

    /// <summary>Null: it was left out.</summary>
    public bool? GetBooleanOrNull(string name) => members[name]?.GetValue<bool>();

    /// <summary>A word as the enum's value of the same name: <c>on-success</c> is <c>OnSuccess</c>.</summary>
    public T GetEnum<T>(string name)
        where T : struct, Enum => Parse<T>(name, GetString(name));

    /// <summary>As <see cref="GetEnum"/>; null: it was left out.</summary>
    public T? GetEnumOrNull<T>(string name)
        where T : struct, Enum => GetStringOrNull(name) is { } word ? Parse<T>(name, word) : null;

    public QmpObject GetObject(string name) => new(Required(name).AsObject());

    /// <summary>The elements of an array of structs.</summary>
    public IEnumerable<QmpObject> GetObjects(string name) => Required(name).AsArray().Select(element => new QmpObject(element!.AsObject()));

    private JsonNode Required(string name)
    {
        JsonNode? value = members[name];
        Invariant.Check(value is not null, $"argument '{name}' is asked for, and the schema does not promise it");
        return value;
    }

    private static T Parse<T>(string name, string word)
        where T : struct, Enum
    {
        bool isParsed = Enum.TryParse(word.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out T value);
        Invariant.Check(isParsed, $"{typeof(T).Name} has no value for '{word}' of argument '{name}'");
        return value;
    }
}
