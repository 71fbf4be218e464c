using System.Net.Sockets;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;

namespace Replication.Protos;

/// <summary>The way to a node's control endpoint, from its peer and from a controller.</summary>
public static class ControlChannel
{
    private const string UnixPrefix = "unix:";
    private const string WhatToDo = "see whether it runs and the link to it is up";
    private const int MaxSocketPathBytes = 107; // sun_path, with its closing zero byte

    // A host that swallows packets is given up on before a verb's five seconds are over.
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(4);

    // A call that works for long has a long deadline or none: a peer that is frozen or cut off is told from a busy one by the pings that it does not answer.
    // An answer to a ping costs the peer nothing: five seconds are what any other answer may take, and a verb over a dead link fails a second later.
    private static readonly TimeSpan s_pingDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pingTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Opens a channel; nothing is connected yet.</summary>
    /// <param name="address"><c>http://HOST:PORT</c> or <c>unix:/path</c>.</param>
    /// <param name="boundsSilence">The channel gives a silent node up by itself. False where the caller has a
    /// patience of its own, and asks for signs of life during long calls.</param>
    /// <exception cref="FormatException">The address has another form; the message names it and what is accepted.</exception>
    public static GrpcChannel Open(string address, bool boundsSilence = true)
    {
        (Uri uri, string? socketPath) = Parse(address);
        var handler = new SocketsHttpHandler
        {
            UseProxy = false, // a peer is reached directly, whatever HTTP_PROXY says
            UseCookies = false,
            AllowAutoRedirect = false,
            EnableMultipleHttp2Connections = true,
        };
        if (boundsSilence)
        {
            handler.ConnectTimeout = s_connectTimeout;
            handler.KeepAlivePingDelay = s_pingDelay;
            handler.KeepAlivePingTimeout = s_pingTimeout;
            handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;
        }

        if (socketPath is not null)
            handler.ConnectCallback = async (_, cancellationToken) => await ConnectAsync(socketPath, cancellationToken);
        return GrpcChannel.ForAddress(uri, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    /// <summary>What a channel's own messages call the address: a socket's has another name there.</summary>
    /// <exception cref="FormatException">As <see cref="Open"/>.</exception>
    public static Uri TargetOf(string address) => Parse(address).Uri;

    /// <summary>Checks an address without opening it.</summary>
    /// <exception cref="FormatException">As <see cref="Open"/>.</exception>
    public static void Check(string address) => Parse(address);

    /// <summary>One line about a failed call. It begins with the address; what the node itself said follows unchanged.</summary>
    public static string Explain(RpcException exception, string address) => exception switch
    {
        { StatusCode: StatusCode.DeadlineExceeded } => $"{address} cannot be reached: it did not answer in time; {WhatToDo}",
        { StatusCode: StatusCode.Unavailable, Status.DebugException: { } cause } => $"{address} cannot be reached: {Reason(cause.GetBaseException())}",
        { Status.Detail: "" } => $"{address}: {exception.StatusCode}",
        _ => $"{address}: {exception.Status.Detail}",
    };

    // Where nobody answers the handler speaks of its settings, whose names say nothing to an operator.
    private static string Reason(Exception cause) => cause switch
    {
        TimeoutException => $"no connection within {s_connectTimeout.TotalSeconds:0} s; {WhatToDo}",
        HttpIOException { HttpRequestError: HttpRequestError.HttpProtocolError } when cause.Message.Contains("ping", StringComparison.OrdinalIgnoreCase) =>
            $"nothing has come from it for {(s_pingDelay + s_pingTimeout).TotalSeconds:0} s; {WhatToDo}",
        _ => cause.Message,
    };

    private static (Uri Uri, string? SocketPath) Parse(string address)
    {
        if (address.StartsWith(UnixPrefix + "/", StringComparison.Ordinal) && address.Length > UnixPrefix.Length + 1)
        {
            string path = address[UnixPrefix.Length..];
            return Encoding.UTF8.GetByteCount(path) <= MaxSocketPathBytes
                ? (new Uri("http://localhost"), path) // that name goes into the request only
                : throw new FormatException($"\"{address}\": the path of a Unix socket has at most {MaxSocketPathBytes} bytes");
        }

        if (address.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            throw new FormatException($"\"{address}\": https:// is not available in this version; http://HOST:PORT and unix:/path are");
        if (Uri.TryCreate(address, UriKind.Absolute, out Uri? uri)
            && uri is { Scheme: "http", Port: > 0, AbsolutePath: "/", Query: "", Fragment: "", UserInfo: "" })
        {
            return (uri, null);
        }

        throw new FormatException($"\"{address}\" is no control address: http://HOST:PORT or unix:/path is one");
    }

    private static async Task<Stream> ConnectAsync(string socketPath, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            // So a path is called that does not exist; the system's own text for the code speaks of an address of this machine.
            socket.Dispose();
            throw new SocketException((int)e.SocketErrorCode, "there is no such socket");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
