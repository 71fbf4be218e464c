using Grpc.Core;

namespace Replication.Rpc.Server;

/// <summary>A handler's response stream. One write at a time; a write waits while the client's window is full.</summary>
internal sealed class ServerStreamWriter<TResponse>(HttpServerCall call, Marshaller<TResponse> marshaller) : IServerStreamWriter<TResponse>
    where TResponse : class
{
    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(TResponse message) => call.WriteAsync(marshaller, message);

    public async Task WriteAsync(TResponse message, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = call.EndWith(cancellationToken);
        await call.WriteAsync(marshaller, message);
    }
}
