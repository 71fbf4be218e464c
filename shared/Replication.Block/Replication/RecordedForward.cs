using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Replication.Block.Replication;

/// <summary>
/// A write on its way through the primary's filter. Pooled by it: every mirrored write comes here, dozens at a time, and the runtime keeps an async method's
/// object for no more than one a thread.
/// </summary>
internal sealed class RecordedForward : IValueTaskSource
{
    private readonly PrimaryFilter _filter;
    private readonly Action _answered;
    private ManualResetValueTaskSourceCore<bool> _core;
    private ValueTaskAwaiter _forward;

    public RecordedForward(PrimaryFilter filter)
    {
        _filter = filter;
        _answered = Answered;
    }

    public ValueTask After(ValueTask forward)
    {
        _core.Reset();
        var task = new ValueTask(this, _core.Version);
        _forward = forward.GetAwaiter();
        if (_forward.IsCompleted)
            Answered();
        else
            _forward.UnsafeOnCompleted(_answered);
        return task;
    }

    private void Answered()
    {
        BlockException? failure = null;
        try
        {
            _forward.GetResult();
        }
        catch (BlockException e)
        {
            failure = e;
            _filter.Record(e);
        }

        // From here on the waiter may give this object back.
        if (failure is null)
            _core.SetResult(true);
        else
            _core.SetException(failure);
    }

    void IValueTaskSource.GetResult(short token)
    {
        try
        {
            _core.GetResult(token);
        }
        finally
        {
            _filter.Recycle(this);
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
