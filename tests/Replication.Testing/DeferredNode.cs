using Replication.Block;

namespace Replication.Testing;

/// <summary>A node whose requests wait until the test releases or fails them, in any order. A released request is applied to the child then.</summary>
public sealed class DeferredNode(BlockNode child, string? name = null) : BlockNode(
    name ?? $"deferred({child.Name})", child.LengthBytes, NodeCapabilities.AllNative)
{
    private readonly Lock _lock = new();
    private readonly List<DeferredRequest> _pending = []; // guarded by _lock
    private TaskCompletionSource _changed = NewSignal(); // guarded by _lock

    /// <summary>Requests of these kinds go through at once.</summary>
    public HashSet<BlockOperation> Immediate { get; } = [BlockOperation.Status];

    /// <summary>The requests that wait, oldest first.</summary>
    public IReadOnlyList<DeferredRequest> Pending
    {
        get
        {
            lock (_lock)
                return [.. _pending];
        }
    }

    /// <summary>Completes once at least <paramref name="count"/> requests wait.</summary>
    public async Task<IReadOnlyList<DeferredRequest>> WaitForPendingAsync(int count = 1)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_pending.Count >= count)
                    return [.. _pending];
                changed = _changed.Task;
            }

            await changed.WaitAsync(TestTimeouts.Patience);
        }
    }

    /// <summary>Releases what waits now, oldest first.</summary>
    public async Task ReleaseAllAsync()
    {
        foreach (DeferredRequest request in Pending)
            await request.ReleaseAsync();
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) =>
        Hold(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length), () => child.ReadAsync(offsetBytes, buffer));

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        Hold(BlockOperation.Write, new BlockRange(offsetBytes, data.Length), () => child.WriteAsync(offsetBytes, data, flags));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) =>
        Hold(BlockOperation.WriteZeroes, range, () => child.WriteZeroesAsync(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) =>
        Hold(BlockOperation.Discard, range, () => child.DiscardAsync(range, flags));

    protected override ValueTask FlushCore() => Hold(BlockOperation.Flush, default, child.FlushAsync);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => child.StatusAsync(range);

    internal void Remove(DeferredRequest request)
    {
        lock (_lock)
            _pending.Remove(request);
    }

    private ValueTask Hold(BlockOperation operation, BlockRange range, Func<ValueTask> apply)
    {
        var request = new DeferredRequest(this, operation, range, apply);
        TaskCompletionSource? changed = null;
        lock (_lock)
        {
            // Inside: who lets these requests go and then releases what waits must not miss one in between.
            if (!Immediate.Contains(operation))
            {
                _pending.Add(request);
                changed = _changed;
                _changed = NewSignal();
            }
        }

        if (changed is null)
            return apply();
        changed.SetResult();
        return new ValueTask(request.Completion);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
