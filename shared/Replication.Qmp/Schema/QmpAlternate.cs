using System.Text.Json.Nodes;

namespace Replication.Qmp.Schema;

/// <summary>One of several types that are told apart by the kind of JSON value; looked up late, so that a type can hold itself.</summary>
internal sealed class QmpAlternate(string description, params Func<QmpType>[] choices) : QmpType
{
    internal IEnumerable<QmpType> Choices => choices.Select(choice => choice());

    internal override string Description => description;

    internal override bool IsOfKind(JsonNode? value) => choices.Any(choice => choice().IsOfKind(value));

    internal override void Check(JsonNode? value, string path)
    {
        Func<QmpType> choice = Array.Find(choices, choice => choice().IsOfKind(value)) ?? throw WrongType(path, value);
        choice().Check(value, path);
    }
}
