using System.Buffers.Binary;
using System.Text;

namespace Replication.Nbd.Wire;

/// <summary>
/// Reads the data of an option, or of a reply to one, piece by piece. A piece that is not there, or a string beyond the protocol's bound, spoils the whole:
/// callers read on and ask <see cref="IsWhole"/> once at the end.
/// </summary>
internal ref struct OptionData(ReadOnlySpan<byte> bytes)
{
    /// <summary>Names travel as UTF-8; what is not UTF-8 names nothing.</summary>
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Everything that was read was there, and nothing is left.</summary>
    public readonly bool IsWhole => !IsSpoilt && _rest.IsEmpty;

    /// <summary>Something that was read was not there, or no string.</summary>
    public bool IsSpoilt { get; private set; }

    /// <summary>Some string was longer than <see cref="Limits.MaxStringBytes"/>.</summary>
    public bool IsTooBig { get; private set; }

    public ushort UInt16() => Take(sizeof(ushort)) is { Length: > 0 } piece ? BinaryPrimitives.ReadUInt16BigEndian(piece) : (ushort)0;

    public uint UInt32() => Take(sizeof(uint)) is { Length: > 0 } piece ? BinaryPrimitives.ReadUInt32BigEndian(piece) : 0;

    public ulong UInt64() => Take(sizeof(ulong)) is { Length: > 0 } piece ? BinaryPrimitives.ReadUInt64BigEndian(piece) : 0;

    /// <summary>A string with its length in front.</summary>
    public string CountedString() => Text(Take(UInt32()));

    /// <summary>Everything that is left, as a string.</summary>
    public string RestString() => Text(Take((uint)_rest.Length));

    private string Text(ReadOnlySpan<byte> piece)
    {
        if (piece.Length > Limits.MaxStringBytes)
        {
            IsTooBig = IsSpoilt = true;
            return "";
        }

        try
        {
            return s_utf8.GetString(piece);
        }
        catch (DecoderFallbackException)
        {
            IsSpoilt = true;
            return "";
        }
    }

    private ReadOnlySpan<byte> Take(uint lengthBytes)
    {
        if (IsSpoilt || lengthBytes > (uint)_rest.Length)
        {
            IsSpoilt = true;
            return default;
        }

        ReadOnlySpan<byte> piece = _rest[..(int)lengthBytes];
        _rest = _rest[(int)lengthBytes..];
        return piece;
    }
}
