using System.Text.Json.Nodes;

namespace Replication.Qmp.Tests.Schema;

/// <summary>What a QEMU says of its own commands, by <c>query-qmp-schema</c>.</summary>
internal sealed class QemuSchema(JsonArray entities)
{
    private readonly Dictionary<string, JsonObject> _entities = entities.Select(e => e!.AsObject()).ToDictionary(e => (string)e["name"]!);

    public JsonObject this[string name] => _entities[name];

    /// <summary>The members of an object type, with those that a tag's word brings; each with its type's name and whether it may be left out.</summary>
    public Dictionary<string, (string Type, bool IsOptional)> MembersOf(string type, string? word)
    {
        JsonObject entity = this[type];
        IEnumerable<JsonNode?> members = entity["members"]!.AsArray();
        if (word is not null)
        {
            JsonNode variant = entity["variants"]!.AsArray().Single(v => (string?)v!["case"] == word)!;
            members = members.Concat(this[(string)variant["type"]!]["members"]!.AsArray());
        }

        return members.ToDictionary(m => (string)m!["name"]!, m => ((string)m!["type"]!, m!.AsObject().ContainsKey("default")));
    }
}
