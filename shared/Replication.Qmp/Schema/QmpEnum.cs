using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replication.Qmp.Schema;

/// <summary>One of some words.</summary>
internal sealed class QmpEnum(params string[] words) : QmpType
{
    internal IReadOnlyList<string> Words => words;

    internal override string Description { get; } = $"one of {string.Join(", ", words)}";

    internal override bool IsOfKind(JsonNode? value) => value?.GetValueKind() == JsonValueKind.String;

    internal override void Check(JsonNode? value, string path)
    {
        CheckKind(value, path);
        string word = value!.GetValue<string>();
        if (!words.Contains(word))
            throw new QmpException($"argument '{path}' must be {Description}, not '{word}'");
    }
}
