using System.Text.Json.Nodes;

namespace Replication.Qmp.Json;

/// <summary>What a client's bytes have added up to.</summary>
/// <param name="IsWhole">There is a value, or an error in its place; false: more bytes are needed.</param>
/// <param name="Value">The value; null is JSON's.</param>
/// <param name="Error">Why it is none.</param>
internal readonly record struct JsonFrame(bool IsWhole, JsonNode? Value, string? Error)
{
    public static JsonFrame Of(JsonNode? value) => new(true, value, null);

    public static JsonFrame Wrong(string error) => new(true, null, error);
}
