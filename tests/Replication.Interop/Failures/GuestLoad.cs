using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Failures;

/// <summary>
/// A guest at work: one lane a disk, which writes one request after the other below <see cref="ReachBytes"/> and keeps what was acknowledged. No request of it
/// may ever fail: faults are put where it does not write.
/// </summary>
internal sealed class GuestLoad : IAsyncDisposable
{
    /// <summary>What lies above is the test's own.</summary>
    public const int ReachBytes = 2 << 20;

    private const int LargestBytes = 24 << 10;

    // So that a load is one, and leaves the machine to others.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(1);

    private readonly IReadOnlyList<NbdClientNode> _disks;
    private readonly byte[][] _model;
    private readonly SemaphoreSlim[] _turns; // a lane's request is in flight only while it has its turn
    private readonly Task[] _lanes;
    private volatile bool _stopped;
    private bool _paused;

    private GuestLoad(IReadOnlyList<NbdClientNode> disks, byte[][] model, Random random)
    {
        _disks = disks;
        _model = model;
        _turns = [.. disks.Select(_ => new SemaphoreSlim(1))];
        _lanes = [.. disks.Select((_, i) => (Disk: i, Random: new Random(random.Next()))).ToArray()
            .Select(lane => Task.Run(() => RunAsync(lane.Disk, lane.Random)))];
    }

    /// <summary>The guest's connections, for requests of the test's own.</summary>
    public IReadOnlyList<NbdClientNode> Disks => _disks;

    /// <param name="node">Whose guest it is.</param>
    /// <param name="model">What this guest must see, by disk; kept up to date.</param>
    /// <param name="random">Seeded.</param>
    public static async Task<GuestLoad> StartAsync(Node node, byte[][] model, Random random)
    {
        var disks = new List<NbdClientNode>();
        for (int disk = 0; disk < model.Length; disk++)
            disks.Add(await node.ConnectAsync(disk));
        return new GuestLoad(disks, model, random);
    }

    /// <summary>Returns when nothing of this guest is in flight, and nothing of it has failed.</summary>
    public async Task PauseAsync()
    {
        if (_paused)
            return;
        for (int disk = 0; disk < _turns.Length; disk++)
        {
            Task first = await Task.WhenAny(_turns[disk].WaitAsync(), _lanes[disk]).WaitAsync(TestTimeouts.Patience);
            await first;
            Assert.False(first == _lanes[disk], "a lane of the load has ended");
        }

        _paused = true;
    }

    public void Resume()
    {
        if (!_paused)
            return;
        _paused = false;
        foreach (SemaphoreSlim turn in _turns)
            turn.Release();
    }

    public async ValueTask DisposeAsync()
    {
        _stopped = true;
        Resume();
        // A failure has been seen, or the test has failed before.
        await Task.WhenAll(_lanes).WaitAsync(TestTimeouts.Patience).ContinueWith(_ => { }, TaskScheduler.Default);
        foreach (NbdClientNode disk in _disks)
            await disk.DisposeAsync();
    }

    private async Task RunAsync(int disk, Random random)
    {
        while (true)
        {
            await _turns[disk].WaitAsync();
            try
            {
                if (_stopped)
                    return;
                byte[] data = random.Bytes(random.Next(1, LargestBytes));
                int offset = random.Next(ReachBytes - data.Length);
                await _disks[disk].WriteAsync(offset, data);
                data.CopyTo(_model[disk].AsSpan(offset));
            }
            finally
            {
                _turns[disk].Release();
            }

            await Task.Delay(s_pause);
        }
    }
}
