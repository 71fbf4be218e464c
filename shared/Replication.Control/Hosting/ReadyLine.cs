using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Replication.Block.State;

namespace Replication.Control.Hosting;

/// <summary>The first line on standard output: the node serves, and where.</summary>
internal static class ReadyLine
{
    // Standard output is no web page: '+' stays readable.
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Format(NodeRole role, Listeners listeners)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, s_options))
        {
            json.WriteStartObject();
            json.WriteBoolean("ready", true);
            json.WriteString("role", NameOf(role));
            WriteList(json, "control", listeners.Control.Select(l => l.Address.ToString()));
            WriteList(json, "guest", listeners.Guest.Select(l => l.LocalAddress.ToString()));
            WriteList(json, "mirror", listeners.Mirror.Select(l => l.LocalAddress.ToString()));
            if (listeners.Qmp is { } qmp)
                json.WriteString("qmp", qmp.Address.ToString());
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    public static string NameOf(NodeRole role) => role == NodeRole.Primary ? "primary" : "secondary";

    private static void WriteList(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
