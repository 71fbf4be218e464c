using Replication.Block;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Kill;

/// <summary>Writers at work over one connection a disk.</summary>
internal sealed class RunningWriters
{
    private readonly CancellationTokenSource _stop = new();
    private readonly IReadOnlyList<NbdClientNode> _disks;
    private readonly Task<BlockException?>[] _writers;

    private RunningWriters(IReadOnlyList<NbdClientNode> disks, IReadOnlyList<Writer> writers)
    {
        _disks = disks;
        _writers = [.. writers.Select(w => Task.Run(() => w.RunAsync(disks, _stop.Token)))];
    }

    public static async Task<RunningWriters> StartAsync(Node node, int diskCount, IReadOnlyList<Writer> writers)
    {
        var disks = new List<NbdClientNode>();
        for (int disk = 0; disk < diskCount; disk++)
            disks.Add(await node.ConnectAsync(disk));
        return new RunningWriters(disks, writers);
    }

    /// <summary>Ends them where no write may have failed.</summary>
    public async Task StopAsync() =>
        Assert.All(await EndAsync(), failure => Assert.True(failure is null, $"a guest of the node that lives has seen: {failure}"));

    /// <summary>Ends them on a node that was killed: each fails, or was stopped between two writes.</summary>
    public Task<BlockException?[]> LoseAsync() => EndAsync();

    private async Task<BlockException?[]> EndAsync()
    {
        await _stop.CancelAsync();
        BlockException?[] failures = await Task.WhenAll(_writers).WaitAsync(TestTimeouts.Patience);
        foreach (NbdClientNode disk in _disks)
            await disk.DisposeAsync();
        _stop.Dispose();
        return failures;
    }
}
