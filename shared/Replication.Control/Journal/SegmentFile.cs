using System.Globalization;
using System.Text.Json;

namespace Replication.Control.Journal;

/// <summary>
/// Names and first lines of the log's segments. A segment is <c>events-FIRST.jsonl</c>; its first line says the format and the boot that wrote it, the others
/// are events in the order of their numbers.
/// </summary>
/// <param name="First">No event in it has a smaller number.</param>
/// <param name="Path">Its file.</param>
internal sealed record SegmentFile(ulong First, string Path)
{
    private const int Format = 1;
    private const string Prefix = "events-";
    private const string Suffix = ".jsonl";

    public static SegmentFile Of(string directory, ulong first) =>
        new(first, System.IO.Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{first:D20}{Suffix}")));

    /// <summary>The segments of a directory, oldest first.</summary>
    public static List<SegmentFile> List(string directory) =>
    [
        .. Directory.EnumerateFiles(directory, $"{Prefix}*{Suffix}")
            .Select(path => (Path: path, Name: System.IO.Path.GetFileName(path)))
            .Where(f => ulong.TryParse(f.Name.AsSpan()[Prefix.Length..^Suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(f => new SegmentFile(ulong.Parse(f.Name.AsSpan()[Prefix.Length..^Suffix.Length], CultureInfo.InvariantCulture), f.Path))
            .OrderBy(s => s.First),
    ];

    public static byte[] Header(string bootId) => [.. JsonSerializer.SerializeToUtf8Bytes(new { format = Format, boot = bootId }), (byte)'\n'];

    /// <summary>The boot that wrote a segment; null: the first line is torn.</summary>
    /// <exception cref="JournalException">Another version wrote it.</exception>
    public string? ReadHeader(ReadOnlyMemory<byte> line)
    {
        int format;
        string? boot;
        try
        {
            using JsonDocument header = JsonDocument.Parse(line);
            format = header.RootElement.GetProperty("format").GetInt32();
            boot = header.RootElement.GetProperty("boot").GetString();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }

        return format == Format ? boot : throw new JournalException($"{Path} has format {format}; this version reads format {Format}");
    }
}
