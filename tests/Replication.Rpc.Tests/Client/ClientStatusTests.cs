using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Replication.Rpc.Client;

namespace Replication.Rpc.Tests.Client;

public sealed class ClientStatusTests
{
    private static readonly Uri s_address = new("http://peer:7101");

    [Theory]
    [InlineData(0x0, StatusCode.Unavailable)] // a server that closes its connection
    [InlineData(0x1, StatusCode.Unavailable)] // pings that are not answered
    [InlineData(0x2, StatusCode.Internal)]
    [InlineData(0x7, StatusCode.Unavailable)]
    [InlineData(0x8, StatusCode.Cancelled)]
    [InlineData(0xb, StatusCode.ResourceExhausted)]
    [InlineData(0xc, StatusCode.PermissionDenied)]
    public void An_http2_error_code_has_its_status(int errorCode, StatusCode expected)
    {
        var reset = new HttpProtocolException(errorCode, "reset", null);
        Assert.Equal(expected, ClientStatus.OfException(reset, s_address).StatusCode);
        Assert.Equal(expected, ClientStatus.OfException(new HttpRequestException("failed", reset), s_address).StatusCode);
    }

    [Fact]
    public void A_failure_to_connect_is_unavailable_and_tells_the_systems_reason()
    {
        Status status = ClientStatus.OfException(
            new HttpRequestException(HttpRequestError.ConnectionError, "failed", new SocketException((int)SocketError.ConnectionRefused)), s_address);
        Assert.Equal(StatusCode.Unavailable, status.StatusCode);
        Assert.Equal("http://peer:7101/ cannot be reached: Connection refused", status.Detail);
    }

    [Theory]
    [InlineData(HttpStatusCode.BadRequest, StatusCode.Internal)]
    [InlineData(HttpStatusCode.Unauthorized, StatusCode.Unauthenticated)]
    [InlineData(HttpStatusCode.Forbidden, StatusCode.PermissionDenied)]
    [InlineData(HttpStatusCode.NotFound, StatusCode.Unimplemented)]
    [InlineData(HttpStatusCode.ServiceUnavailable, StatusCode.Unavailable)]
    [InlineData(HttpStatusCode.InternalServerError, StatusCode.Unknown)]
    [InlineData(HttpStatusCode.OK, StatusCode.Unknown)]
    public void An_answer_that_is_not_grpc_has_the_status_of_its_http_status(HttpStatusCode code, StatusCode expected)
    {
        using var response = new HttpResponseMessage(code) { Content = new StringContent("<html>") };
        Assert.Equal(expected, ClientStatus.OfHeaders(response, s_address)!.Value.StatusCode);
    }

    [Fact]
    public void An_answer_without_a_status_is_unknown()
    {
        using var response = new HttpResponseMessage(HttpStatusCode.OK);
        Assert.Equal(StatusCode.Unknown, ClientStatus.OfTrailers(response).Status.StatusCode);
    }

    [Fact]
    public void A_status_code_of_the_future_is_unknown()
    {
        using var response = new HttpResponseMessage(HttpStatusCode.OK) { Headers = { { "grpc-status", "99" }, { "grpc-message", "later" } } };
        Assert.Equal(new Status(StatusCode.Unknown, "later"), ClientStatus.OfTrailers(response).Status);
    }
}
