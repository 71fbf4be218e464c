using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Replication.Block.State;

/// <summary>A disk of the group, as the state directory knows it.</summary>
public sealed record ManifestDisk(string Name, long LengthBytes);

/// <summary>
/// What changes rarely: which group this is, the node's role, its disks and the history of generations. Replaced as a whole.
/// </summary>
/// <remarks>
/// On disk: magic 8 bytes, version u32, length u32, CRC-32C u32 of the payload, then the payload, JSON, of that length. Written before the epoch record: a
/// generation that the record has not reached never began, and is dropped at open.
/// </remarks>
public sealed partial record Manifest
{
    /// <summary>The file's name inside the state directory.</summary>
    public const string FileName = "manifest";

    private const uint Version = 1;
    private const int HeaderBytes = 20;

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

    internal byte[] Encode()
    {
        byte[] payload = JsonSerializer.SerializeToUtf8Bytes(this, Json.Default.Manifest);
        byte[] encoded = new byte[HeaderBytes + payload.Length];
        Magic.CopyTo(encoded);
        BinaryPrimitives.WriteUInt32LittleEndian(encoded.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(encoded.AsSpan(12), payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(encoded.AsSpan(16), Checksum.Crc32C(payload));
        payload.CopyTo(encoded, HeaderBytes);
        return encoded;
    }

    /// <exception cref="StateException">Not a manifest, damaged, or of an unknown version.</exception>
    internal static Manifest Decode(ReadOnlySpan<byte> encoded, string file)
    {
        if (encoded.Length < HeaderBytes || !encoded.StartsWith(Magic))
            throw new StateException($"{file}: not a manifest");
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(encoded[8..]);
        if (version != Version)
            throw new StateException($"{file}: manifest format version {version} is not known (this build knows {Version})");
        ReadOnlySpan<byte> payload = encoded[HeaderBytes..];
        if (BinaryPrimitives.ReadInt32LittleEndian(encoded[12..]) != payload.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(encoded[16..]) != Checksum.Crc32C(payload))
            throw new StateException($"{file}: the manifest is damaged (its checksum does not fit)");
        try
        {
            return JsonSerializer.Deserialize(payload, Json.Default.Manifest) ?? throw new StateException($"{file}: the manifest is empty");
        }
        catch (JsonException e)
        {
            throw new StateException($"{file}: the manifest cannot be read: {e.Message}", e);
        }
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true)]
    [JsonSerializable(typeof(Manifest))]
    private sealed partial class Json : JsonSerializerContext;
}
