using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Replication.Control.Journal;

/// <summary>An event as a line of JSON: <c>{"seq":7,"time":1700000000000,"type":"checkpoint","fields":{"epoch":3}}</c> and a newline.</summary>
internal static class EventLine
{
    private static ReadOnlySpan<byte> Prefix => "{\"seq\":"u8;

    public static void Write(IBufferWriter<byte> output, JournalEvent item)
    {
        var line = new ArrayBufferWriter<byte>();
        WriteLine(line, item);
        if (line.WrittenCount > Limits.EventLineBytes)
        {
            line.ResetWrittenCount();
            WriteLine(line, item with { Fields = [("truncated", true)] });
        }

        output.Write(line.WrittenSpan);
    }

    /// <summary>The number of a line without reading all of it.</summary>
    public static bool TryReadSeq(ReadOnlySpan<byte> line, out ulong seq)
    {
        seq = 0;
        return line.StartsWith(Prefix)
            && Utf8Parser.TryParse(line[Prefix.Length..], out seq, out int consumed)
            && line.Length > Prefix.Length + consumed
            && line[Prefix.Length + consumed] == ',';
    }

    public static bool TryRead(ReadOnlyMemory<byte> line, [NotNullWhen(true)] out JournalEvent? item)
    {
        item = null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            var fields = new List<(string Name, object Value)>();
            foreach (JsonProperty field in root.GetProperty("fields").EnumerateObject())
                fields.Add((field.Name, ReadValue(field.Value)));
            item = new JournalEvent(root.GetProperty("seq").GetUInt64(), root.GetProperty("time").GetInt64(), root.GetProperty("type").GetString()!, fields);
            return true;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return false;
        }
    }

    private static object ReadValue(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetInt64(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => value.GetString() ?? "",
    };

    private static void WriteLine(ArrayBufferWriter<byte> line, JournalEvent item)
    {
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteNumber("seq", item.Seq);
            json.WriteNumber("time", item.TimeUnixMs);
            json.WriteString("type", item.Type);
            json.WriteStartObject("fields");
            foreach ((string name, object value) in item.Fields)
                WriteField(json, name, value);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        line.Write("\n"u8);
    }

    private static void WriteField(Utf8JsonWriter json, string name, object value)
    {
        switch (value)
        {
            case long number:
                json.WriteNumber(name, number);
                break;
            case bool flag:
                json.WriteBoolean(name, flag);
                break;
            default:
                json.WriteString(name, (string)value);
                break;
        }
    }
}
