using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replication.Qmp.Schema;

/// <summary>What an argument may be.</summary>
internal abstract class QmpType
{
    /// <summary>As messages call it, with its article: "an integer".</summary>
    internal abstract string Description { get; }

    /// <summary>The kinds of JSON value that can be one; an alternate chooses by them.</summary>
    internal abstract bool IsOfKind(JsonNode? value);

    /// <summary>Refuses what is no such value; fills in the defaults of what the client left out.</summary>
    /// <param name="value">What the client sent.</param>
    /// <param name="path">Where in the arguments, as <c>actions[1].data.name</c>; empty: the arguments themselves.</param>
    /// <exception cref="QmpException">It is none.</exception>
    internal abstract void Check(JsonNode? value, string path);

    private protected void CheckKind(JsonNode? value, string path)
    {
        if (!IsOfKind(value))
            throw WrongType(path, value);
    }

    private protected QmpException WrongType(string path, JsonNode? value) => new($"argument '{path}' must be {Description}, not {NameOf(value)}");

    private static string NameOf(JsonNode? value) => value?.GetValueKind() switch
    {
        null => "null",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => $"the number {value.ToJsonString()}",
        _ => "a boolean",
    };
}
