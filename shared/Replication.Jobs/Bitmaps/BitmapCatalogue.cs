using System.Text.Json;
using System.Text.Json.Serialization;
using Replication.Block.State;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Bitmaps;

/// <summary>The persistent bitmaps of a node as its state directory names them. Replaced as a whole: what it says of several bitmaps it says at once.</summary>
/// <param name="BootId">The kernel's boot in which it was written: marks of another boot are not trusted (<c>process</c> durability).</param>
/// <param name="NextFile">Number of the next file: a name is used once.</param>
/// <param name="Bitmaps">All of them.</param>
internal sealed partial record BitmapCatalogue(Guid BootId, long NextFile, IReadOnlyList<BitmapCatalogue.Entry> Bitmaps)
{
    /// <summary>The file's name inside the state directory.</summary>
    public const string FileName = "bitmaps";

    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "COLOBMPS"u8;

    public static BitmapCatalogue Empty { get; } = new(default, 1, []);

    /// <summary>Seals of targets that a decision has left to be done.</summary>
    public IReadOnlyList<TargetSeal> Seals { get; init; } = [];

    public byte[] Encode() => SealedFile.Encode(Magic, Version, JsonSerializer.SerializeToUtf8Bytes(this, Json.Default.BitmapCatalogue));

    /// <exception cref="StateException">Not such a file, damaged, or of an unknown version.</exception>
    public static BitmapCatalogue Decode(ReadOnlySpan<byte> encoded, string file) =>
        SealedFile.Decode(Magic, Version, encoded, file, "list of bitmaps", payload => JsonSerializer.Deserialize(payload, Json.Default.BitmapCatalogue));

    /// <summary>One bitmap.</summary>
    /// <param name="Disk">Its disk's name.</param>
    /// <param name="Name">Its own.</param>
    /// <param name="GranularityBytes">What one bit stands for.</param>
    /// <param name="IsEnabled">Writes are marked in it.</param>
    /// <param name="IsInconsistent">It may lack marks.</param>
    /// <param name="File">The file with its marks.</param>
    /// <param name="Successor">That of its successor, while a job uses it.</param>
    internal sealed record Entry(string Disk, string Name, int GranularityBytes, bool IsEnabled, bool IsInconsistent, string File, string? Successor);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true)]
    [JsonSerializable(typeof(BitmapCatalogue))]
    private sealed partial class Json : JsonSerializerContext;
}
