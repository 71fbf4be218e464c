using System.Text.Json.Nodes;

namespace Replication.Qmp.Schema;

/// <summary>Any number of values of one type.</summary>
internal sealed class QmpArray(QmpType element) : QmpType
{
    internal QmpType Element => element;

    internal override string Description => "an array";

    internal override bool IsOfKind(JsonNode? value) => value is JsonArray;

    internal override void Check(JsonNode? value, string path)
    {
        CheckKind(value, path);
        int index = 0;
        foreach (JsonNode? item in (JsonArray)value!)
            element.Check(item, $"{path}[{index++}]");
    }
}
