using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Replication.Controller.Nodes;

/// <summary>A control address: <c>http://HOST:PORT</c> or <c>unix:/path</c>, as a node's ready line prints it.</summary>
internal sealed record NodeAddress(string Text)
{
    private const string Forms = "is no control address; http://HOST:PORT and unix:/path are";

    // The kernel's sockaddr_un holds 108 bytes with the terminating zero.
    private const int MaxSocketPathBytes = 107;

    /// <summary>A Unix socket's.</summary>
    public bool IsSocket => Text.StartsWith("unix:", StringComparison.Ordinal);

    public static bool TryParse(string text, [NotNullWhen(true)] out NodeAddress? address, [NotNullWhen(false)] out string? reason)
    {
        (address, reason) = text switch
        {
            _ when text.StartsWith("https://", StringComparison.OrdinalIgnoreCase) => (null, "needs TLS, which is not available in this version"),
            _ when text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) => ParseHttp(text),
            _ when text.StartsWith("unix:", StringComparison.Ordinal) => ParseUnix(text, text["unix:".Length..]),
            _ => (null, Forms),
        };
        return address is not null;
    }

    public override string ToString() => Text;

    private static (NodeAddress?, string?) ParseHttp(string text)
    {
        string trimmed = text.EndsWith('/') ? text[..^1] : text;
        string authority = trimmed["http://".Length..];
        int colon = authority.LastIndexOf(':');
        bool valid = colon > 0
            && int.TryParse(authority[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= 65535
            && authority.IndexOfAny(['/', '?', '#', '@']) < 0;
        if (!valid || !Uri.TryCreate(trimmed, UriKind.Absolute, out _))
            return (null, Forms);
        return (new NodeAddress(trimmed), null);
    }

    private static (NodeAddress?, string?) ParseUnix(string text, string path)
    {
        if (!path.StartsWith('/') || path.Contains('\0', StringComparison.Ordinal))
            return (null, Forms);
        if (System.Text.Encoding.UTF8.GetByteCount(path) > MaxSocketPathBytes)
            return (null, string.Create(CultureInfo.InvariantCulture, $"is longer than the {MaxSocketPathBytes} bytes that a Unix socket's path may have"));
        return (new NodeAddress(text), null);
    }
}
