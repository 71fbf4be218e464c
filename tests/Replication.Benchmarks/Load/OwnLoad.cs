using System.Diagnostics;
using Replication.Block;
using Replication.Nbd;

namespace Replication.Benchmarks.Load;

/// <summary>
/// Our own generator, over our own NBD client: it costs a fraction of the processor time that fio does, which on a machine of two processors is otherwise most
/// of what is measured. Usually it asks for structured replies, as guests on QEMU's NBD driver, libnbd and fio do; the kernel's client does not.
/// </summary>
internal sealed class OwnLoad(bool structured = true) : ILoadGenerator
{
    public Task<LoadResult> RunAsync(NbdAddress address, LoadPattern pattern, TimeSpan length, CancellationToken cancellationToken) =>
        RunAsync(
            address, pattern, Stopwatch.GetTimestamp() + (long)(length.TotalSeconds * Stopwatch.Frequency), () => Task.CompletedTask, () => Task.CompletedTask,
            cancellationToken);

    /// <summary>A load that lasts for as long as a piece of work.</summary>
    public Task<LoadResult> RunBesideAsync(NbdAddress address, LoadPattern pattern, Func<Task> work, CancellationToken cancellationToken) =>
        RunBesideAsync(address, pattern, () => Task.CompletedTask, work, cancellationToken);

    /// <summary>The same, with what comes between the connection and the first request: a busy server may take long to accept one.</summary>
    public Task<LoadResult> RunBesideAsync(
        NbdAddress address, LoadPattern pattern, Func<Task> begin, Func<Task> work, CancellationToken cancellationToken) =>
        RunAsync(address, pattern, long.MaxValue, begin, work, cancellationToken);

    private async Task<LoadResult> RunAsync(
        NbdAddress address, LoadPattern pattern, long endTimestamp, Func<Task> begin, Func<Task> work, CancellationToken cancellationToken)
    {
        await using NbdClientNode disk = await ConnectAsync(address, structured, cancellationToken);
        await using CancellationTokenRegistration cancelled = cancellationToken.Register(() => disk.Abort(new OperationCanceledException(cancellationToken)));
        await begin();
        long began = Stopwatch.GetTimestamp();
        var progress = new LoadProgress(pattern.Depth, endTimestamp, pattern.MaxRequests);
        var lanes = Enumerable.Range(0, pattern.Depth).Select(number => new Lane(disk, pattern, progress, number)).ToList();
        // The first requests go out together, like all later ones.
        using (IoBatch.Enter())
        {
            foreach (Lane lane in lanes)
                lane.Run();
        }

        try
        {
            await work();
            if (endTimestamp == long.MaxValue)
                progress.Stop();
            await progress.Ended;
        }
        catch (BlockException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new BenchException($"{address}: {e.Message}", e);
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(began, progress.LastTimestamp);
        return new LoadResult(
            progress.Answered, elapsed, progress.Latencies.PercentileUs(50), progress.Latencies.PercentileUs(99), progress.Latencies.PercentileUs(100));
    }

    /// <summary>Writes the range from the beginning of the disk on once, in large requests.</summary>
    public static async Task FillAsync(NbdAddress address, BlockRange range, CancellationToken cancellationToken)
    {
        const int requestBytes = 1 << 20;
        const int depth = 4;
        await using NbdClientNode disk = await ConnectAsync(address, structured: true, cancellationToken);
        await Task.WhenAll(Enumerable.Range(0, depth).Select(lane => Task.Run(FillEvery(lane), cancellationToken)));

        Func<Task> FillEvery(int lane) => async () =>
        {
            byte[] data = new byte[requestBytes];
            new Random(lane).NextBytes(data);
            for (long offset = range.OffsetBytes + (long)lane * requestBytes; offset < range.EndBytes; offset += (long)depth * requestBytes)
                await disk.WriteAsync(offset, data.AsMemory(0, (int)Math.Min(requestBytes, range.EndBytes - offset)));
        };
    }

    private static async Task<NbdClientNode> ConnectAsync(NbdAddress address, bool structured, CancellationToken cancellationToken)
    {
        try
        {
            return await NbdClient.ConnectAsync(address, address.ExportName, new NbdClientOptions { Structured = structured }, cancellationToken);
        }
        catch (NbdConnectException e)
        {
            throw new BenchException(e.Message, e);
        }
    }
}
