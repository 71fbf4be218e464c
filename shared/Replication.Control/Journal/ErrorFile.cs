using System.Text.Json;

namespace Replication.Control.Journal;

/// <summary>The file of the unacknowledged errors: small, replaced as a whole.</summary>
internal sealed class ErrorFile(string path)
{
    private const int Format = 1;

    public string Path { get; } = path;

    /// <exception cref="JournalException">Another version wrote the file, or it is damaged.</exception>
    public IReadOnlyList<ErrorEntry> Read()
    {
        if (!File.Exists(Path))
            return [];
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path));
            int format = document.RootElement.GetProperty("Format").GetInt32();
            return format == Format
                ? document.RootElement.GetProperty("Errors").Deserialize<List<ErrorEntry>>()!
                : throw new JournalException($"{Path} has format {format}; this version reads format {Format}");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new JournalException($"{Path} is damaged: {e.Message}; move it away to start without the errors that it lists", e);
        }
    }

    public void Write(IReadOnlyList<ErrorEntry> errors)
    {
        string temporary = Path + ".new";
        using (FileStream file = File.Create(temporary))
        {
            JsonSerializer.Serialize(file, new Content(Format, errors));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, Path, overwrite: true);
    }

    private sealed record Content(int Format, IReadOnlyList<ErrorEntry> Errors);
}
