namespace Grpc.Core;

/// <summary>
/// What a client's call objects have in common. Status and trailers exist once the call has ended; disposing one that has not ended cancels it.
/// </summary>
public abstract class AsyncCall : IDisposable
{
    private readonly Func<Status> _getStatus;
    private readonly Func<Metadata> _getTrailers;
    private readonly Action _dispose;

    private protected AsyncCall(Task<Metadata> responseHeadersAsync, Func<Status> getStatus, Func<Metadata> getTrailers, Action dispose)
    {
        ResponseHeadersAsync = responseHeadersAsync;
        (_getStatus, _getTrailers, _dispose) = (getStatus, getTrailers, dispose);
    }

    public Task<Metadata> ResponseHeadersAsync { get; }

    public Status GetStatus() => _getStatus();

    public Metadata GetTrailers() => _getTrailers();

    public void Dispose()
    {
        _dispose();
        GC.SuppressFinalize(this);
    }
}
