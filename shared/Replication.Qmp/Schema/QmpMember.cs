using System.Text.Json.Nodes;

namespace Replication.Qmp.Schema;

/// <summary>A member of a struct.</summary>
/// <param name="Name">As it is sent.</param>
/// <param name="Type">What it may be.</param>
/// <param name="IsOptional">It may be left out.</param>
/// <param name="MakeDefault">What it is then; null: the command is told that it was left out.</param>
internal sealed record QmpMember(string Name, QmpType Type, bool IsOptional, Func<JsonNode>? MakeDefault)
{
    public static QmpMember Required(string name, QmpType type) => new(name, type, IsOptional: false, MakeDefault: null);

    public static QmpMember Optional(string name, QmpType type) => new(name, type, IsOptional: true, MakeDefault: null);

    public static QmpMember Optional(string name, QmpType type, string word) => new(name, type, IsOptional: true, () => JsonValue.Create(word));

    public static QmpMember Optional(string name, QmpType type, long number) => new(name, type, IsOptional: true, () => JsonValue.Create(number));

    public static QmpMember Optional(string name, QmpType type, bool isSet) => new(name, type, IsOptional: true, () => JsonValue.Create(isSet));

    /// <summary>A struct that, left out, is one of which every member was left out.</summary>
    public static QmpMember OptionalStruct(string name, QmpStruct type) => new(name, type, IsOptional: true, () => new JsonObject());
}
