using System.Text.Json;

namespace Replication.Controller.Drill.Pair;

/// <summary>The line with which a node says that it serves, and where.</summary>
internal sealed record ReadyLine(bool Ready, string Role, IReadOnlyList<string> Control, IReadOnlyList<string> Guest, IReadOnlyList<string> Mirror)
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    public static ReadyLine Parse(string node, string line)
    {
        try
        {
            if (JsonSerializer.Deserialize<ReadyLine>(line, s_options) is { Ready: true, Control.Count: > 0, Guest.Count: > 0 } ready)
                return ready;
        }
        catch (JsonException)
        {
            // Said below.
        }

        throw new DrillException($"{node} printed '{line}' where its ready line belongs");
    }
}
