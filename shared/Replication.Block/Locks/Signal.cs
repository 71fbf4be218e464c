using System.Threading.Tasks.Sources;

namespace Replication.Block.Locks;

/// <summary>
/// A wait that ends once: completed by anybody, awaited by one. The continuation runs through <see cref="IoBatch.Post"/>, never inside the completer.
/// </summary>
internal sealed class Signal<T> : IValueTaskSource<T>
{
    private ManualResetValueTaskSourceCore<T> _core;
    private T _result = default!;

    public ValueTask<T> Task => new(this, _core.Version);

    /// <summary>Ends the wait. Called once: who may call it is decided under the owner's lock.</summary>
    public void Complete(T result)
    {
        _result = result;
        IoBatch.Post(Publish);
    }

    T IValueTaskSource<T>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private void Publish() => _core.SetResult(_result);
}
