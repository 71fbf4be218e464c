using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replication.Qmp.Schema;

/// <summary>An integer within bounds, both included. What no signed integer of 64 bits holds is none: nothing here counts so far.</summary>
internal sealed class QmpInteger(long minimum, long maximum) : QmpType
{
    public static readonly QmpInteger Int64 = new(long.MinValue, long.MaxValue);
    public static readonly QmpInteger Size = new(0, long.MaxValue);
    public static readonly QmpInteger Unsigned32 = new(0, uint.MaxValue);

    internal override string Description { get; } = minimum == long.MinValue ? "an integer"
        : maximum == long.MaxValue ? $"an integer from {minimum} on"
        : $"an integer from {minimum} to {maximum}";

    internal override bool IsOfKind(JsonNode? value) => value?.GetValueKind() == JsonValueKind.Number;

    internal override void Check(JsonNode? value, string path)
    {
        CheckKind(value, path);
        if (!value!.AsValue().TryGetValue(out long number) || number < minimum || number > maximum)
            throw WrongType(path, value);
    }
}
