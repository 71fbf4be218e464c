using System.Text.Json;
using System.Text.Json.Serialization;

namespace Replication.Block.State;

/// <summary>A disk of the group, as the state directory knows it.</summary>
public sealed record ManifestDisk(string Name, long LengthBytes);

/// <summary>
/// What changes rarely: which group this is, the node's role, its disks and the history of generations. Replaced as a whole.
/// </summary>
/// <remarks>
/// On disk a <see cref="SealedFile"/>. Written before the epoch record: a generation that the record has not reached never began, and is dropped at open.
/// </remarks>
public sealed partial record Manifest
{
    /// <summary>The file's name inside the state directory.</summary>
    public const string FileName = "manifest";

    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "COLOMANI"u8;

    public required string Group { get; init; }

    public required Guid GroupId { get; init; }

    public required NodeRole Role { get; init; }

    /// <summary>Generations, oldest first; the last one is in force. Empty where the node has never been part of a pair.</summary>
    public required IReadOnlyList<Generation> History { get; init; }

    public required IReadOnlyList<ManifestDisk> Disks { get; init; }

    /// <summary>The kernel's boot in which this was written: overlays of another boot are not trusted (<c>process</c> durability).</summary>
    public required Guid BootId { get; init; }

    /// <summary>What was written since survives a loss of power: the node's durability is <c>power</c>.</summary>
    public bool Power { get; init; }

    /// <summary>The history without generations that the record has not reached.</summary>
    public Manifest UpTo(EpochRecord? record)
    {
        ulong reached = record?.GenerationNumber ?? 0;
        return History.Any(g => g.Number > reached) ? this with { History = [.. History.Where(g => g.Number <= reached)] } : this;
    }

    internal byte[] Encode() => SealedFile.Encode(Magic, Version, JsonSerializer.SerializeToUtf8Bytes(this, Json.Default.Manifest));

    /// <exception cref="StateException">Not a manifest, damaged, or of an unknown version.</exception>
    internal static Manifest Decode(ReadOnlySpan<byte> encoded, string file) =>
        SealedFile.Decode(Magic, Version, encoded, file, "manifest", payload => JsonSerializer.Deserialize(payload, Json.Default.Manifest));

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true)]
    [JsonSerializable(typeof(Manifest))]
    private sealed partial class Json : JsonSerializerContext;
}
