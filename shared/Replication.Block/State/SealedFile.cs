using System.Buffers.Binary;
using System.Text.Json;

namespace Replication.Block.State;

/// <summary>A small file that is replaced as a whole and says itself whether it is whole.</summary>
/// <remarks>Magic 8 bytes, version u32, length u32, CRC-32C u32 of the payload, then the payload, JSON, of that length.</remarks>
public static class SealedFile
{
    private const int HeaderBytes = 20;

    public static byte[] Encode(ReadOnlySpan<byte> magic, uint version, ReadOnlySpan<byte> payload)
    {
        byte[] encoded = new byte[HeaderBytes + payload.Length];
        magic.CopyTo(encoded);
        BinaryPrimitives.WriteUInt32LittleEndian(encoded.AsSpan(8), version);
        BinaryPrimitives.WriteInt32LittleEndian(encoded.AsSpan(12), payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(encoded.AsSpan(16), Checksum.Crc32C(payload));
        payload.CopyTo(encoded.AsSpan(HeaderBytes));
        return encoded;
    }

    /// <param name="magic">Its first 8 bytes.</param>
    /// <param name="version">The one version that this build knows.</param>
    /// <param name="encoded">The file.</param>
    /// <param name="file">Its path, for messages.</param>
    /// <param name="what">What it is, for messages.</param>
    /// <param name="read">Reads the payload.</param>
    /// <exception cref="StateException">Not such a file, damaged, or of an unknown version.</exception>
    public static T Decode<T>(ReadOnlySpan<byte> magic, uint version, ReadOnlySpan<byte> encoded, string file, string what, PayloadReader<T?> read)
        where T : class
    {
        if (encoded.Length < HeaderBytes || !encoded.StartsWith(magic))
            throw new StateException($"{file}: not a {what}");
        uint found = BinaryPrimitives.ReadUInt32LittleEndian(encoded[8..]);
        if (found != version)
            throw new StateException($"{file}: {what} format version {found} is not known (this build knows {version})");
        ReadOnlySpan<byte> payload = encoded[HeaderBytes..];
        if (BinaryPrimitives.ReadInt32LittleEndian(encoded[12..]) != payload.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(encoded[16..]) != Checksum.Crc32C(payload))
            throw new StateException($"{file}: the {what} is damaged (its checksum does not fit)");
        try
        {
            return read(payload) ?? throw new StateException($"{file}: the {what} is empty");
        }
        catch (JsonException e)
        {
            throw new StateException($"{file}: the {what} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads the payload of a sealed file.</summary>
    public delegate T PayloadReader<T>(ReadOnlySpan<byte> payload);
}
