using System.Globalization;
using Colo.Protocol.V1;
using Replication.Controller.Nodes;
using Replication.Controller.Output;

namespace Replication.Controller.Verbs;

/// <summary>One event as one line.</summary>
internal static class EventLine
{
    public static void Print(Terminal output, NodeClient node, Event e)
    {
        string time = WireNames.Time(e.TimeUnixMs).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        output.Line(output.Json ? ToJson(node, e, time) : ToText(node, e, time));
    }

    private static string ToJson(NodeClient node, Event e, string time)
    {
        // A field of an event never takes the place of what every event has.
        var line = new Dictionary<string, object> { ["node"] = node.SideText, ["seq"] = e.Seq, ["time"] = time, ["type"] = e.Type };
        foreach ((string name, string value) in e.Text.OrderBy(f => f.Key, StringComparer.Ordinal))
            line.TryAdd(name, value);
        foreach ((string name, long value) in e.Numbers.OrderBy(f => f.Key, StringComparer.Ordinal))
            line.TryAdd(name, value);
        foreach ((string name, bool value) in e.Flags.OrderBy(f => f.Key, StringComparer.Ordinal))
            line.TryAdd(name, value);
        return JsonText.Of(line);
    }

    private static string ToText(NodeClient node, Event e, string time)
    {
        // Sentences come last, where they hide nothing; advice is what "errors" is for.
        IEnumerable<string> fields = e.Text.Where(f => f.Value.Length > 0 && f.Key is not "message" and not "advice").Select(f => $"{f.Key}={f.Value}")
            .Concat(e.Numbers.Select(f => $"{f.Key}={f.Value}"))
            .Concat(e.Flags.Select(f => $"{f.Key}={(f.Value ? "true" : "false")}"))
            .Order(StringComparer.Ordinal)
            .Concat(e.Text.Where(f => f.Key == "message").Select(f => $"message={f.Value}"));
        return OneLine.Of($"{time}  {node.SideText,-9} {e.Seq,6}  {e.Type}  {string.Join(' ', fields)}").TrimEnd();
    }
}
