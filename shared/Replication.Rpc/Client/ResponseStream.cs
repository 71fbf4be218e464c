using Grpc.Core;

namespace Replication.Rpc.Client;

/// <summary>The responses of a server streaming call.</summary>
internal sealed class ResponseStream<TRequest, TResponse>(ClientCall<TRequest, TResponse> call) : IAsyncStreamReader<TResponse>
    where TRequest : class
    where TResponse : class
{
    private TResponse? _current;

    public TResponse Current => _current ?? throw new InvalidOperationException("there is no current message");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = call.CancelWith(cancellationToken);
        _current = null;
        _current = await call.ReadAsync();
        return _current is not null;
    }
}
