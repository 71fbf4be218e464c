using Replication.Block;
using Replication.Nbd;

namespace Replication.Interop.Support;

/// <summary>
/// A guest that keeps a queue of random writes in flight over one connection and notes how long each took. Requests may
/// overlap unless asked otherwise; what they leave is compared between the two disks.
/// </summary>
internal sealed class GuestLoad : IAsyncDisposable
{
    private const int ContentBytes = 16 << 20;

    private readonly NbdClientNode _disk;
    private readonly LoadOptions _options;
    private readonly CancellationTokenSource _stop = new();
    private readonly byte[] _content;
    private readonly List<LoadSample>[] _samples; // each written by its own writer, read when that has ended
    private readonly Task[] _writers;
    private long _completed;

    private GuestLoad(NbdClientNode disk, LoadOptions options, Random random)
    {
        (_disk, _options) = (disk, options);
        _content = random.Bytes(ContentBytes + options.RequestBytes);
        _samples = [.. Enumerable.Range(0, options.Depth).Select(_ => new List<LoadSample>())];
        _writers = [.. _samples.Select((samples, writer) => (samples, writer, new Random(random.Next())))
            .Select(w => Task.Run(() => WriteAsync(w.samples, w.writer, w.Item3)))];
    }

    /// <summary>Requests answered so far.</summary>
    public long Completed => Volatile.Read(ref _completed);

    public static async Task<GuestLoad> StartAsync(Node node, Random random, LoadOptions? options = null, int disk = 0) =>
        new(await node.ConnectAsync(disk), options ?? new LoadOptions(), random);

    /// <summary>Waits until so many more requests have been answered.</summary>
    public async Task AnswersAsync(int count)
    {
        long until = Completed + count;
        await Eventually.TrueAsync(() => Completed >= until || _writers.Any(writer => writer.IsFaulted));
    }

    /// <summary>Ends it; every request has succeeded.</summary>
    public async Task<LoadReport> StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers).WaitAsync(TestTimeouts.Patience);
        return new LoadReport([.. _samples.SelectMany(samples => samples)]);
    }

    /// <summary>Ends it on a node that may have been killed, or fenced: from some moment on requests have failed.</summary>
    public async Task<LoadReport> LoseAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await Task.WhenAll(_writers).WaitAsync(TestTimeouts.Patience);
        }
        catch (BlockException)
        {
            // Each writer ends with its first failed request.
        }

        return new LoadReport([.. _samples.SelectMany(samples => samples)]);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _disk.DisposeAsync();
        await Task.WhenAll(_writers).ContinueWith(_ => { }, TaskScheduler.Default).WaitAsync(TestTimeouts.Patience);
        _stop.Dispose();
    }

    private async Task WriteAsync(List<LoadSample> samples, int writer, Random random)
    {
        long reachBytes = _options.ReachBytes > 0 ? _options.ReachBytes : _disk.LengthBytes;
        if (_options.Disjoint)
            reachBytes = reachBytes / _options.Depth / _options.AlignmentBytes * _options.AlignmentBytes;
        long firstBytes = _options.Disjoint ? writer * reachBytes : 0;
        long places = ((reachBytes - _options.RequestBytes) / _options.AlignmentBytes) + 1;
        for (int count = 1; !_stop.IsCancellationRequested; count++)
        {
            long offsetBytes = firstBytes + (random.NextInt64(places) * _options.AlignmentBytes);
            ReadOnlyMemory<byte> data = _content.AsMemory(random.Next(ContentBytes), _options.RequestBytes);
            await TimeAsync(samples, LoadKind.Write, () => _disk.WriteAsync(offsetBytes, data));
            if (_options.FlushEvery > 0 && count % _options.FlushEvery == 0)
                await TimeAsync(samples, LoadKind.Flush, () => _disk.FlushAsync());
            if (_options.Pause > TimeSpan.Zero)
                await Task.Delay(_options.Pause);
        }
    }

    private async ValueTask TimeAsync(List<LoadSample> samples, LoadKind kind, Func<ValueTask> request)
    {
        long began = TimeProvider.System.GetTimestamp();
        await request();
        samples.Add(new LoadSample(kind, began, TimeProvider.System.GetTimestamp()));
        Interlocked.Increment(ref _completed);
    }
}
