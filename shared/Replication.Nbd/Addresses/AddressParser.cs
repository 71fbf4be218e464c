using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Replication.Nbd;

/// <summary>
/// Reads addresses strictly: what it does not know is refused with a reason, never guessed. (System.Uri would normalise and accept too much.)
/// </summary>
internal static class AddressParser
{
    private const string TcpScheme = "nbd://";
    private const string UnixScheme = "nbd+unix://";

    /// <summary>Path of a Unix socket address without its terminating zero (sun_path has 108 bytes).</summary>
    private const int MaxSocketPathBytes = 107;

    public static (NbdAddress? Address, string? Reason) Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return (null, "an NBD address is missing");
        if (Has(text, "nbds://") || Has(text, "nbds+unix://"))
            return (null, $"'{text}': TLS is not available yet");
        try
        {
            if (Has(text, TcpScheme))
                return (Tcp(text[TcpScheme.Length..]), null);
            if (Has(text, UnixScheme))
                return (Unix(text[UnixScheme.Length..]), null);
        }
        catch (FormatException e)
        {
            return (null, $"'{text}': {e.Message}");
        }

        return (null, $"'{text}' is no NBD address: it must begin with {TcpScheme} or {UnixScheme}");
    }

    /// <summary>Percent-encodes what would end a part of the address, and what is not printable ASCII.</summary>
    public static string Escape(string text, string alsoAllowed)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            if (char.IsAsciiLetterOrDigit((char)b)
                || "-._~@:+,=".Contains((char)b, StringComparison.Ordinal)
                || alsoAllowed.Contains((char)b, StringComparison.Ordinal))
                escaped.Append((char)b);
            else
                escaped.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return escaped.ToString();
    }

    private static bool Has(string text, string scheme) => text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase);

    private static NbdAddress Tcp(string rest)
    {
        if (rest.IndexOfAny(['?', '#']) is >= 0 and var stray)
            throw new FormatException($"'{rest[stray]}' does not belong into a TCP address");
        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        string authority = slash < 0 ? rest : rest[..slash];
        string export = slash < 0 ? "" : Unescape(rest[(slash + 1)..]);
        (string host, string? port) = SplitPort(authority);
        return NbdAddress.Tcp(host, port is null ? NbdAddress.DefaultPort : Port(port)) with { ExportName = Checked(export) };
    }

    private static (string Host, string? Port) SplitPort(string authority)
    {
        if (authority.StartsWith('['))
        {
            int end = authority.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
                throw new FormatException("the bracket of the IPv6 address is not closed");
            string inner = authority[1..end];
            if (!IPAddress.TryParse(inner, out IPAddress? address) || address.AddressFamily != AddressFamily.InterNetworkV6)
                throw new FormatException($"'{inner}' is no IPv6 address");
            string behind = authority[(end + 1)..];
            if (behind.Length == 0)
                return (inner, null);
            return behind[0] == ':' ? (inner, behind[1..]) : throw new FormatException("only a port may follow the IPv6 address");
        }

        int colon = authority.IndexOf(':', StringComparison.Ordinal);
        if (colon != authority.LastIndexOf(':'))
            throw new FormatException("an IPv6 address needs brackets");
        string host = colon < 0 ? authority : authority[..colon];
        if (host.Length == 0)
            throw new FormatException("the host is missing");
        if (!host.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_'))
            throw new FormatException($"'{host}' is no host name");
        return (host, colon < 0 ? null : authority[(colon + 1)..]);
    }

    private static int Port(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port)
            ? port
            : throw new FormatException($"'{text}' is no port (0 to 65535)");

    private static NbdAddress Unix(string rest)
    {
        if (!rest.StartsWith('/'))
            throw new FormatException("a Unix socket address has no host: nbd+unix:///[EXPORT]?socket=PATH");
        int query = rest.IndexOf('?', StringComparison.Ordinal);
        if (query < 0 || !rest.AsSpan(query + 1).StartsWith("socket=", StringComparison.Ordinal))
            throw new FormatException("the socket is missing: nbd+unix:///[EXPORT]?socket=PATH");
        string escaped = rest[(query + "?socket=".Length)..];
        if (escaped.AsSpan().IndexOfAny('&', '#') >= 0)
            throw new FormatException("only socket= may follow the question mark");
        string path = Unescape(escaped);
        if (path.Length == 0)
            throw new FormatException("the path of the socket is empty");
        if (Encoding.UTF8.GetByteCount(path) > MaxSocketPathBytes)
            throw new FormatException($"the path of the socket is longer than {MaxSocketPathBytes} bytes");
        return NbdAddress.Unix(path) with { ExportName = Checked(Unescape(rest[1..query])) };
    }

    private static string Checked(string export) =>
        Encoding.UTF8.GetByteCount(export) <= Limits.MaxStringBytes
            ? export
            : throw new FormatException($"the export's name is longer than {Limits.MaxStringBytes} bytes");

    private static string Unescape(string text)
    {
        for (int i = text.IndexOf('%', StringComparison.Ordinal); i >= 0; i = text.IndexOf('%', i + 1))
        {
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
                throw new FormatException("'%' must be followed by two hexadecimal digits");
        }

        string plain = Uri.UnescapeDataString(text);
        return plain.Contains('\0', StringComparison.Ordinal) ? throw new FormatException("a zero byte does not belong into an address") : plain;
    }
}
