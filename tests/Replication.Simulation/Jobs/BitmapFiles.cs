using System.Text.Json;
using Replication.Simulation.Cluster;

namespace Replication.Simulation.Jobs;

/// <summary>The bitmaps of a host as they lie in its state directory: what a restart would find. Read by the format's description.</summary>
internal sealed class BitmapFiles
{
    public const string Catalogue = "bitmaps";

    private const int SealBytes = 20;
    private const int HeaderBytes = 4096;

    private readonly SimulatedHost _host;

    private BitmapFiles(SimulatedHost host, IReadOnlyDictionary<(string Disk, string Name), Entry> entries) => (_host, Entries) = (host, entries);

    public IReadOnlyDictionary<(string Disk, string Name), Entry> Entries { get; }

    public static BitmapFiles Read(SimulatedHost host)
    {
        var entries = new Dictionary<(string Disk, string Name), Entry>();
        if (host.State.SmallFiles.GetValueOrDefault(Catalogue) is { } file)
        {
            using JsonDocument document = JsonDocument.Parse(file.AsMemory(SealBytes));
            foreach (JsonElement bitmap in document.RootElement.GetProperty("bitmaps").EnumerateArray())
            {
                var entry = new Entry(
                    bitmap.GetProperty("granularityBytes").GetInt32(), bitmap.GetProperty("isEnabled").GetBoolean(),
                    bitmap.GetProperty("isInconsistent").GetBoolean(), bitmap.GetProperty("file").GetString()!,
                    bitmap.TryGetProperty("successor", out JsonElement successor) ? successor.GetString() : null);
                entries.Add((bitmap.GetProperty("disk").GetString()!, bitmap.GetProperty("name").GetString()!), entry);
            }
        }

        return new BitmapFiles(host, entries);
    }

    /// <summary>The files that the entry names are there.</summary>
    public bool AreThere(Entry entry) => _host.State.Find(entry.File) is not null && (entry.Successor is null || _host.State.Find(entry.Successor) is not null);

    /// <summary>Offset of the first byte where the two differ, and that is not marked; -1: there is none.</summary>
    public int FirstUnmarked(Entry entry, ReadOnlySpan<byte> wanted, ReadOnlySpan<byte> disk)
    {
        byte[]? marks = _host.State.Find(entry.File)?.Content;
        byte[]? newer = entry.Successor is { } successor ? _host.State.Find(successor)?.Content : null;
        for (int at = disk.CommonPrefixLength(wanted); at < disk.Length;)
        {
            int bit = at / entry.GranularityBytes;
            if (!IsMarked(marks, bit) && !IsMarked(newer, bit))
                return at;
            at = Math.Min((bit + 1) * entry.GranularityBytes, disk.Length);
            at += disk[at..].CommonPrefixLength(wanted[at..]);
        }

        return -1;
    }

    private static bool IsMarked(byte[]? file, int bit) => file is not null && (file[HeaderBytes + (bit / 8)] & (1 << (bit % 8))) != 0;

    internal sealed record Entry(int GranularityBytes, bool IsEnabled, bool IsInconsistent, string File, string? Successor);
}
