using System.Buffers.Binary;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Backup;

/// <summary>
/// A guest that writes one cell after the other, each with the write's number, and waits for each answer. So an image of its disk at one moment is the first
/// content with some number of these writes over it, and the newest stamp in it says which number.
/// </summary>
internal sealed class StampingGuest : IAsyncDisposable
{
    private const int CellBytes = 4096;
    private const long Mark = 0x5354_4D50L << 32; // no byte of a disk's first content

    private readonly NbdClientNode _disk;
    private readonly byte[] _first;
    private readonly List<int> _cells = []; // of each write; guarded by itself
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _writing;
    private int _answered;

    private StampingGuest(NbdClientNode disk, byte[] first, Random random)
    {
        (_disk, _first) = (disk, first);
        _writing = Task.Run(() => WriteAsync(random));
    }

    /// <summary>Writes that have been answered.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Writes that have been sent.</summary>
    public int Sent
    {
        get
        {
            lock (_cells)
                return _cells.Count;
        }
    }

    public static async Task<StampingGuest> StartAsync(Node node, Random random, int disk = 0) =>
        new(await node.ConnectAsync(disk), DiskFile.Read(node.DiskPaths[disk]), random);

    /// <summary>Waits until so many more writes have been answered.</summary>
    public async Task AnswersAsync(int count)
    {
        int until = Answered + count;
        await Eventually.TrueAsync(() => Answered >= until || _writing.IsFaulted);
    }

    /// <summary>Every write has succeeded.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _writing.WaitAsync(TestTimeouts.Patience);
    }

    /// <summary>The image is the disk as it was behind one of its writes; which one.</summary>
    public int MomentOf(byte[] image)
    {
        Assert.Equal(_first.Length, image.Length);
        int moment = 0;
        for (int at = 0; at < image.Length; at += CellBytes)
        {
            long stamp = BinaryPrimitives.ReadInt64LittleEndian(image.AsSpan(at));
            if ((stamp & ~0xffff_ffffL) == Mark)
                moment = Math.Max(moment, (int)stamp);
        }

        byte[] expected = [.. _first];
        for (int number = 1; number <= moment; number++)
        {
            lock (_cells)
                Stamp(expected.AsSpan(_cells[number - 1] * CellBytes, CellBytes), number);
        }

        BlockAssert.Equal(expected, image);
        return moment;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _writing.ContinueWith(_ => { }, TaskScheduler.Default);
        await _disk.DisposeAsync();
        _stop.Dispose();
    }

    private async Task WriteAsync(Random random)
    {
        byte[] cell = new byte[CellBytes];
        for (int number = 1; !_stop.IsCancellationRequested; number++)
        {
            int at = random.Next(_first.Length / CellBytes);
            lock (_cells)
                _cells.Add(at);
            Stamp(cell, number);
            await _disk.WriteAsync((long)at * CellBytes, cell);
            Volatile.Write(ref _answered, number);
        }
    }

    private static void Stamp(Span<byte> cell, int number)
    {
        for (int at = 0; at < cell.Length; at += sizeof(long))
            BinaryPrimitives.WriteInt64LittleEndian(cell[at..], Mark | (uint)number);
    }
}
