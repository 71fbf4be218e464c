using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using Replication.Rpc.Client;
using Replication.Rpc.Tests.Protos;

namespace Replication.Rpc.Tests;

/// <summary>A call made of a bare HTTP request, so that a test can send what the client never would.</summary>
internal static class RawCall
{
    /// <summary>Calls Say with these headers and returns the text.</summary>
    public static Task<string> SayAsync(EchoHost host, params (string Name, string Value)[] headers) => SayAsync(host, Frame(new SayRequest()), headers);

    public static async Task<string> SayAsync(EchoHost host, byte[] body, params (string Name, string Value)[] headers)
    {
        using HttpResponseMessage response = await SendAsync(host, body, headers);
        byte[] answer = await response.Content.ReadAsByteArrayAsync();
        (Status status, Metadata trailers) = ClientStatus.OfTrailers(response);
        return status.StatusCode == StatusCode.OK ? SayResponse.Parser.ParseFrom(answer.AsSpan(5)).Text : throw new RpcException(status, trailers);
    }

    public static async Task<HttpResponseMessage> SendAsync(EchoHost host, byte[] body, params (string Name, string Value)[] headers)
    {
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(host.Address, "/replication.rpc.tests.Echo/Say"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        foreach ((string name, string value) in headers)
        {
            if (name == "content-type")
                request.Content.Headers.ContentType = new MediaTypeHeaderValue(value);
            else
                request.Headers.TryAddWithoutValidation(name, value);
        }

        HttpResponseMessage response = await http.SendAsync(request, CancellationToken.None);
        await response.Content.LoadIntoBufferAsync();
        return response;
    }

    public static byte[] Frame(IMessage message) =>
        [0, .. BitConverter.GetBytes(IPAddress.HostToNetworkOrder(message.CalculateSize())), .. message.ToByteArray()];
}
