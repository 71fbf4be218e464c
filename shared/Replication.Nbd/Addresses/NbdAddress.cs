using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Replication.Nbd;

/// <summary>
/// Where an NBD server listens: <c>nbd://HOST[:PORT][/EXPORT]</c> or <c>nbd+unix:///[EXPORT]?socket=PATH</c>.
/// </summary>
public sealed record NbdAddress
{
    /// <summary>The port that IANA gave to NBD.</summary>
    public const int DefaultPort = 10809;

    private NbdAddress()
    {
    }

    /// <summary>Host name or address, IPv6 without brackets; null for a Unix socket.</summary>
    public string? Host { get; private init; }

    /// <summary>TCP port; 0 asks a listener for a free one.</summary>
    public int Port { get; private init; }

    /// <summary>Path of the Unix socket; null for TCP.</summary>
    public string? SocketPath { get; private init; }

    /// <summary>The export that the address names; empty where it names none.</summary>
    public string ExportName { get; init; } = "";

    [MemberNotNullWhen(true, nameof(SocketPath))]
    [MemberNotNullWhen(false, nameof(Host))]
    public bool IsUnix => SocketPath is not null;

    /// <summary>True if nobody outside this machine can reach it: a Unix socket, 127.0.0.0/8, ::1 or localhost.</summary>
    public bool IsLoopback => IsUnix
        || (IPAddress.TryParse(Host, out IPAddress? address) ? IPAddress.IsLoopback(address)
            : string.Equals(Host, "localhost", StringComparison.OrdinalIgnoreCase));

    public static NbdAddress Tcp(string host, int port = DefaultPort) => new() { Host = host, Port = port };

    public static NbdAddress Unix(string socketPath) => new() { SocketPath = socketPath };

    /// <exception cref="FormatException">With the one-line reason.</exception>
    public static NbdAddress Parse(string text) => TryParse(text, out NbdAddress? address, out string? reason) ? address : throw new FormatException(reason);

    /// <param name="text">One of the two forms.</param>
    /// <param name="address">The address; null if the text is none.</param>
    /// <param name="reason">One line that says what is wrong; null if nothing is.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out NbdAddress? address, [NotNullWhen(false)] out string? reason)
    {
        (address, reason) = AddressParser.Parse(text);
        return address is not null;
    }

    public NbdAddress WithPort(int port) => this with { Port = port };

    public override string ToString()
    {
        string export = AddressParser.Escape(ExportName, "");
        if (IsUnix)
            return $"nbd+unix:///{export}?socket={AddressParser.Escape(SocketPath, "/")}";
        string host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
        return export.Length == 0 ? $"nbd://{host}:{Port}" : $"nbd://{host}:{Port}/{export}";
    }
}
