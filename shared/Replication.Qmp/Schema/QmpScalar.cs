using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replication.Qmp.Schema;

/// <summary>A string, a boolean or null.</summary>
internal sealed class QmpScalar : QmpType
{
    public static readonly QmpScalar Text = new("a string", JsonValueKind.String);
    public static readonly QmpScalar Boolean = new("a boolean", JsonValueKind.True, JsonValueKind.False);
    public static readonly QmpScalar Null = new("null", JsonValueKind.Null);

    private readonly JsonValueKind[] _kinds;

    private QmpScalar(string description, params JsonValueKind[] kinds)
    {
        Description = description;
        _kinds = kinds;
    }

    internal override string Description { get; }

    internal override bool IsOfKind(JsonNode? value) => _kinds.Contains(value?.GetValueKind() ?? JsonValueKind.Null);

    internal override void Check(JsonNode? value, string path) => CheckKind(value, path);
}
