using Grpc.Core;
using Grpc.Net.Client;

namespace Replication.Rpc.Client;

/// <summary>Makes calls over a channel. Streams of requests come with the first feature that sends one; until then they are refused.</summary>
internal sealed class HttpCallInvoker(GrpcChannel channel) : CallInvoker
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        using AsyncUnaryCall<TResponse> call = AsyncUnaryCall(method, host, options, request);
        return call.GetAwaiter().GetResult();
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        ClientCall<TRequest, TResponse> call = Start(method, options, request);
        return new AsyncUnaryCall<TResponse>(call.ReadOnlyMessageAsync(), call.ReadHeadersAsync(), call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        ClientCall<TRequest, TResponse> call = Start(method, options, request);
        return new AsyncServerStreamingCall<TResponse>(
            new ResponseStream<TRequest, TResponse>(call), call.ReadHeadersAsync(), call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw NoRequestStreams(method);

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw NoRequestStreams(method);

    private ClientCall<TRequest, TResponse> Start<TRequest, TResponse>(Method<TRequest, TResponse> method, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class
    {
        ObjectDisposedException.ThrowIf(channel.Closing.IsCancellationRequested, channel);
        var call = new ClientCall<TRequest, TResponse>(channel, method, options);
        call.Start(request);
        return call;
    }

    private static RpcException NoRequestStreams(IMethod method) =>
        new(new Status(StatusCode.Unimplemented, $"{method.FullName}: streams of requests are not supported by this runtime yet"));
}
