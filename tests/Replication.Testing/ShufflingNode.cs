using Replication.Block;

namespace Replication.Testing;

/// <summary>
/// Applies requests on threads of its own, in an order of its own: what a peer with many requests in flight does. Flushes and reads go through.
/// </summary>
public sealed class ShufflingNode : BlockNode
{
    private readonly BlockNode _child;
    private readonly Lock _lock = new();
    private readonly List<Func<Task>> _requests = []; // guarded by _lock
    private readonly Random _random; // guarded by _lock
    private readonly SemaphoreSlim _available = new(0);
    private readonly Thread[] _threads;
    private volatile bool _ending;

    public ShufflingNode(BlockNode child, int seed, int threads = 2)
        : base($"shuffling({child.Name})", child.LengthBytes, child.Capabilities)
    {
        _child = child;
        _random = new Random(seed);
        _threads = [.. Enumerable.Range(0, threads).Select(_ => new Thread(Run) { IsBackground = true })];
        foreach (Thread thread in _threads)
            thread.Start();
    }

    public override ValueTask DisposeAsync()
    {
        _ending = true;
        _available.Release(_threads.Length);
        foreach (Thread thread in _threads)
        {
            // The test itself may go on inside a completion of ours.
            if (thread != Thread.CurrentThread)
                thread.Join();
        }

        return base.DisposeAsync();
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => _child.ReadAsync(offsetBytes, buffer);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        Later(() => _child.WriteAsync(offsetBytes, data, flags));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => Later(() => _child.WriteZeroesAsync(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => Later(() => _child.DiscardAsync(range, flags));

    protected override ValueTask FlushCore() => _child.FlushAsync();

    private ValueTask Later(Func<ValueTask> apply)
    {
        var done = new TaskCompletionSource();
        lock (_lock)
        {
            _requests.Add(async () =>
            {
                await apply();
                done.SetResult();
            });
        }

        _available.Release();
        return new ValueTask(done.Task);
    }

    private void Run()
    {
        while (true)
        {
            _available.Wait();
            Func<Task> request;
            lock (_lock)
            {
                if (_requests.Count == 0)
                {
                    if (_ending)
                        return;
                    continue;
                }

                int chosen = _random.Next(_requests.Count);
                request = _requests[chosen];
                _requests.RemoveAt(chosen);
            }

            using (IoBatch.Enter())
                request().GetAwaiter().GetResult();
        }
    }
}
