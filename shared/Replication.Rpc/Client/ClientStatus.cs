using System.Net;
using Grpc.Core;
using Replication.Rpc.Wire;

namespace Replication.Rpc.Client;

/// <summary>What an HTTP answer, or the lack of one, means as a status. The tables are gRPC's.</summary>
internal static class ClientStatus
{
    /// <summary>Why the answer is not gRPC's; null where it is.</summary>
    public static Status? OfHeaders(HttpResponseMessage response, Uri address)
    {
        string? contentType = response.Content.Headers.ContentType?.MediaType;
        if (response.StatusCode != HttpStatusCode.OK)
            return new Status(OfHttp(response.StatusCode), $"{address} answered with HTTP status {(int)response.StatusCode}");
        if (contentType is null || !contentType.StartsWith(HeaderNames.ContentType, StringComparison.OrdinalIgnoreCase))
            return new Status(StatusCode.Unknown, $"{address} does not speak gRPC: it answered with content type \"{contentType}\"");
        return null;
    }

    /// <summary>How the call ended, once its answer has been read to the end; the headers hold it where no message was sent.</summary>
    public static (Status Status, Metadata Trailers) OfTrailers(HttpResponseMessage response)
    {
        var headers = response.TrailingHeaders.Contains(HeaderNames.Status) ? response.TrailingHeaders : response.Headers;
        if (!headers.TryGetValues(HeaderNames.Status, out var codes) || !int.TryParse(codes.First(), out int code))
            return (new Status(StatusCode.Unknown, "the answer ended without a status"), Metadata.Empty);

        string detail = headers.TryGetValues(HeaderNames.Message, out var messages) ? StatusDetail.Decode(messages.First()) : "";
        StatusCode known = code is >= (int)StatusCode.OK and <= (int)StatusCode.Unauthenticated ? (StatusCode)code : StatusCode.Unknown;
        return (new Status(known, detail), ToMetadata(headers));
    }

    public static Metadata ToMetadata(System.Net.Http.Headers.HttpResponseHeaders headers)
    {
        var metadata = new Metadata();
        foreach ((string name, IEnumerable<string> values) in headers)
        {
            foreach (string value in values)
                MetadataCodec.Add(metadata, name, value);
        }

        return metadata;
    }

    /// <summary>What a failure means that the call did not bring about itself.</summary>
    public static Status OfException(Exception exception, Uri address) => exception switch
    {
        RpcException e => e.Status,
        // The handler's time to connect is over.
        OperationCanceledException => new Status(StatusCode.Unavailable, $"{address} cannot be reached: {Cause(exception)}", exception),
        HttpProtocolException e => OfReset(e, address),
        HttpRequestException { InnerException: HttpProtocolException e } => OfReset(e, address),
        HttpRequestException e => new Status(StatusCode.Unavailable, $"{address} cannot be reached: {Cause(e)}", e),
        IOException => new Status(StatusCode.Unavailable, $"the connection to {address} was lost: {Cause(exception)}", exception),
        _ => new Status(StatusCode.Internal, $"the call failed: {exception.Message}", exception),
    };

    // Where gRPC says INTERNAL: what comes here with NO_ERROR is a connection that its server has
    // closed, and with PROTOCOL_ERROR one whose pings are not answered.
    private static Status OfReset(HttpProtocolException e, Uri address) => new(
        e.ErrorCode switch
        {
            0x0 or 0x1 or 0x7 => StatusCode.Unavailable, // NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM
            0x8 => StatusCode.Cancelled, // CANCEL
            0xb => StatusCode.ResourceExhausted, // ENHANCE_YOUR_CALM
            0xc => StatusCode.PermissionDenied, // INADEQUATE_SECURITY
            _ => StatusCode.Internal,
        },
        $"{address} ended the call: {e.Message}",
        e);

    private static StatusCode OfHttp(HttpStatusCode code) => code switch
    {
        HttpStatusCode.BadRequest => StatusCode.Internal,
        HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
        HttpStatusCode.NotFound => StatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout =>
            StatusCode.Unavailable,
        _ => StatusCode.Unknown,
    };

    // The innermost message is the system's ("Connection refused"); the outer ones say that something failed.
    private static string Cause(Exception e) => e.GetBaseException().Message;
}
