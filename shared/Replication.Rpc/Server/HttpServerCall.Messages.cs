using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Replication.Rpc.Wire;

namespace Replication.Rpc.Server;

/// <summary>The messages of a call.</summary>
internal sealed partial class HttpServerCall
{
    private Task<FlushResult>? _flush; // the handler's own: a flush that waited for the client's window
    private int _writing; // 1 inside a write

    /// <summary>The one request of a call without a stream of requests.</summary>
    public async Task<TRequest> ReadOnlyRequestAsync<TRequest>(Marshaller<TRequest> marshaller)
        where TRequest : class
    {
        try
        {
            var reader = new MessageReader(HttpContext.Request.BodyReader, _options.MaxReceiveMessageSize);
            TRequest? request = await reader.ReadAsync(marshaller, _ended.Token);
            if (request is not null && await reader.ReadAsync(marshaller, _ended.Token) is null)
                return request;
            throw new RpcException(
                new Status(Grpc.Core.StatusCode.Internal, $"{_method.FullName} was called with {(request is null ? "no message" : "more than one message")}"));
        }
        catch (IOException e)
        {
            // Kestrel's word for a request that its client has reset.
            throw new OperationCanceledException(e.Message, e);
        }
    }

    /// <summary>The one response of a unary call; it leaves with the trailers.</summary>
    public async Task WriteOnlyResponseAsync<TResponse>(Marshaller<TResponse> marshaller, TResponse response)
        where TResponse : class
    {
        if (response is null)
            throw new RpcException(new Status(Grpc.Core.StatusCode.Cancelled, "the handler returned no message"));
        if (Status.StatusCode != Grpc.Core.StatusCode.OK)
            return; // the handler chose to fail; there is no message beside a failure
        await StartResponseAsync();
        MessageWriter.Write(HttpContext.Response.BodyWriter, marshaller, response, _options.MaxSendMessageSize);
    }

    /// <summary>One message of a response stream; ends when the transport has taken it.</summary>
    /// <exception cref="RpcException">The call was cut short.</exception>
    public async Task WriteAsync<TResponse>(Marshaller<TResponse> marshaller, TResponse message)
    {
        if (Interlocked.Exchange(ref _writing, 1) != 0)
            throw new InvalidOperationException("one write at a time: the last one has not ended yet");
        try
        {
            ThrowIfEnded();
            await StartResponseAsync();
            MessageWriter.Write(HttpContext.Response.BodyWriter, marshaller, message, _options.MaxSendMessageSize);

            // A flush never gets a token: Kestrel reports a cancelled one as an internal error. It is left behind instead, and Finish resets the stream.
            ValueTask<FlushResult> flush = HttpContext.Response.BodyWriter.FlushAsync();
            if (!flush.IsCompletedSuccessfully)
                await (_flush = flush.AsTask()).WaitAsync(_ended.Token);
            else if (flush.Result.IsCompleted)
                End(new Status(Grpc.Core.StatusCode.Cancelled, "the caller is gone"));
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The connection may be gone before the caller's token has fired.
            ThrowIfEnded();
            throw new OperationCanceledException(e.Message, e);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    protected override async Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        if (HttpContext.Response.HasStarted)
            throw new InvalidOperationException("the response headers have been sent");
        foreach (Metadata.Entry entry in responseHeaders)
            HttpContext.Response.Headers.Append(entry.Key, MetadataCodec.Encode(entry));
        await StartResponseAsync();
        await HttpContext.Response.BodyWriter.FlushAsync();
    }

    // The body writer hands out memory only after the start.
    private Task StartResponseAsync() => HttpContext.Response.HasStarted ? Task.CompletedTask : HttpContext.Response.StartAsync();
}
