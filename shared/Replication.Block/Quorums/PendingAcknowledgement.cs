using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Replication.Block.Quorums;

/// <summary>
/// A guest write that the local disk has and that waits for the mirror, and after that for leave to be acknowledged. Pooled by its quorum, since in
/// acknowledgement mode applied every write comes here: an async method's own object would be allocated for each.
/// </summary>
internal sealed class PendingAcknowledgement : IValueTaskSource
{
    private readonly Quorum _quorum;
    private readonly Action _forwarded;
    private readonly Action _admitted;
    private ManualResetValueTaskSourceCore<bool> _core;
    private GuestWrite _write;
    private ValueTaskAwaiter _forward;
    private ValueTaskAwaiter _leave;

    public PendingAcknowledgement(Quorum quorum)
    {
        _quorum = quorum;
        _forwarded = Forwarded;
        _admitted = Admitted;
    }

    public ValueTask After(GuestWrite write, ValueTask forward)
    {
        // The payload is the caller's and no longer needed.
        _write = write.WithoutData();
        _core.Reset();
        var task = new ValueTask(this, _core.Version);
        _forward = forward.GetAwaiter();
        if (_forward.IsCompleted)
            Forwarded();
        else
            _forward.UnsafeOnCompleted(_forwarded);
        return task;
    }

    private void Forwarded()
    {
        BlockException? failure = null;
        try
        {
            _forward.GetResult();
        }
        catch (BlockException e)
        {
            failure = e;
        }

        if (failure is not null)
            _quorum.Report(null, failure);
        _leave = _quorum.AcknowledgeAsync(_write).GetAwaiter();
        if (_leave.IsCompleted)
            Admitted();
        else
            _leave.UnsafeOnCompleted(_admitted);
    }

    private void Admitted()
    {
        BlockException? refusal = null;
        try
        {
            _leave.GetResult();
        }
        catch (BlockException e)
        {
            refusal = e;
        }

        // From here on the waiter may give this object back.
        if (refusal is null)
            _core.SetResult(true);
        else
            _core.SetException(refusal);
    }

    void IValueTaskSource.GetResult(short token)
    {
        try
        {
            _core.GetResult(token);
        }
        finally
        {
            _quorum.Recycle(this);
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
