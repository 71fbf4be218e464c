using System.Globalization;
using System.Text;

namespace Replication.Rpc.Wire;

/// <summary>The text in <c>grpc-message</c>: UTF-8 with everything but visible ASCII as %XX.</summary>
internal static class StatusDetail
{
    /// <summary>Cuts what is longer than <see cref="Limits.StatusDetailBytes"/>, between two characters.</summary>
    public static string Encode(string detail)
    {
        if (detail.Length <= Limits.StatusDetailBytes && detail.All(IsPlain))
            return detail;

        var text = new StringBuilder();
        Span<byte> utf8 = stackalloc byte[4];
        foreach (Rune rune in detail.EnumerateRunes())
        {
            if (text.Length + (3 * utf8.Length) > Limits.StatusDetailBytes)
                break;
            foreach (byte b in utf8[..rune.EncodeToUtf8(utf8)])
            {
                if (IsPlain((char)b))
                    text.Append((char)b);
                else
                    text.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
            }
        }

        return text.ToString();
    }

    /// <summary>Never fails: a broken escape stays as it is.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%'))
            return text;

        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        int length = 0;
        for (int i = 0; i < utf8.Length; i++, length++)
        {
            bool escaped = utf8[i] == '%' && i + 2 < utf8.Length && char.IsAsciiHexDigit((char)utf8[i + 1]) && char.IsAsciiHexDigit((char)utf8[i + 2]);
            utf8[length] = escaped ? byte.Parse(utf8.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) : utf8[i];
            i += escaped ? 2 : 0;
        }

        return Encoding.UTF8.GetString(utf8, 0, length);
    }

    private static bool IsPlain(char c) => c is >= ' ' and <= '~' and not '%';
}
