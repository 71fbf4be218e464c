using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Replication.Control.Options;

/// <summary>A control endpoint: <c>http://HOST:PORT</c> or <c>unix:/path</c>.</summary>
/// <param name="Host">Name or address without brackets; null: a Unix socket.</param>
/// <param name="Port">Its port; 0 where a listener asks for a free one, or for a Unix socket.</param>
/// <param name="UnixPath">The socket's path; null: TCP.</param>
internal sealed record ControlAddress(string? Host, int Port, string? UnixPath)
{
    public const string UnixForm = "unix:/path";
    private const string Http = "http://";
    private const string Unix = "unix:";

    /// <summary>Nobody outside this machine can reach it.</summary>
    public bool IsLocal => UnixPath is not null || IsLoopback(Host!);

    public static bool TryParse(string text, [NotNullWhen(true)] out ControlAddress? address, [NotNullWhen(false)] out string? reason)
    {
        address = null;
        reason = text switch
        {
            _ when text.StartsWith("https://", StringComparison.Ordinal) => ValueKind.NotAvailable,
            _ when text.StartsWith(Unix, StringComparison.Ordinal) => ParseUnix(text[Unix.Length..], out address),
            _ when text.StartsWith(Http, StringComparison.Ordinal) => ParseHttp(text, out address),
            _ => "is not a control address",
        };
        return address is not null;
    }

    /// <summary>The same endpoint, a relative socket path made absolute.</summary>
    public ControlAddress Under(string directory) => UnixPath is null ? this : this with { UnixPath = Path.GetFullPath(UnixPath, directory) };

    public override string ToString() => UnixPath is not null
        ? Unix + UnixPath
        : string.Create(CultureInfo.InvariantCulture, $"{Http}{(Host!.Contains(':') ? $"[{Host}]" : Host)}:{Port}");

    internal static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out IPAddress? ip) && IPAddress.IsLoopback(ip));

    private static string? ParseUnix(string path, out ControlAddress? address)
    {
        // unix:///path is what gRPC's own naming allows besides unix:/path.
        if (path.StartsWith("///", StringComparison.Ordinal))
            path = path[2..];
        address = null;
        if (path.Length == 0 || path.Contains('\0'))
            return "names no socket";
        address = new ControlAddress(null, 0, path);
        return null;
    }

    private static string? ParseHttp(string text, out ControlAddress? address)
    {
        address = null;
        ReadOnlySpan<char> rest = text.AsSpan(Http.Length);
        if (rest.EndsWith("/"))
            rest = rest[..^1];
        int colon = rest.LastIndexOf(':');
        if (colon <= 0 || rest[colon - 1] == ':')
            return "has no port";
        ReadOnlySpan<char> host = rest[..colon];
        if (!ushort.TryParse(rest[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            return "has a bad port";
        if (host is ['[', .., ']'] && IPAddress.TryParse(host[1..^1], out _))
            host = host[1..^1];
        else if (Uri.CheckHostName(host.ToString()) is not (UriHostNameType.Dns or UriHostNameType.IPv4))
            return "has a bad host";
        address = new ControlAddress(host.ToString(), port, null);
        return null;
    }
}
