using System.Buffers;
using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>
/// Brings every block of a disk that needs a copy to the secondary, while the guest runs: adjacent blocks together, holes as zeroes.
/// </summary>
/// <remarks>
/// A piece is read and enqueued under the range lock that guest writes take, and stops needing a copy at that moment; where the session is lost before the
/// answer, every mark stays all the same. Passes over the disk are repeated until none finds anything: a piece may cover less than it was meant to, and blocks
/// begin to need a copy while it runs. How large a piece is, and how many are unanswered, is asked for each: while a guest writes
/// they are small and few, since its forwards queue behind them (<see cref="CopyShare"/>).
/// </remarks>
/// <param name="disk">The disk.</param>
/// <param name="share">What copies may take now.</param>
/// <param name="pace">Called before each copy.</param>
/// <param name="passBegins">Called with what is left before each pass; what it throws ends the copy.</param>
internal sealed class MarkedCopy(MarkedDisk disk, Func<CopyShare> share, Func<long, ValueTask>? pace = null, Action<long>? passBegins = null)
{
    private readonly Queue<(ValueTask<long> Copy, byte[] Buffer)> _copies = new();

    /// <summary>Bytes that were sent, zeroing included.</summary>
    public long SentBytes { get; private set; }

    public async Task RunAsync(Action<long> advanced, CancellationToken cancellationToken)
    {
        try
        {
            for (long left = disk.Marks.NeedsCopyBytes; left > 0; left = disk.Marks.NeedsCopyBytes)
            {
                passBegins?.Invoke(left);
                for (BlockRange piece = await NextAsync(0); !piece.IsEmpty; piece = await NextAsync(piece.EndBytes))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    await DrainAsync(share().InFlight - 1, advanced);
                    if (pace is not null)
                        await pace(piece.LengthBytes);
                    int dataBytes = share().DataBytes(disk.Marks.BlockSizeBytes);
                    byte[] buffer = ArrayPool<byte>.Shared.Rent(dataBytes);
                    _copies.Enqueue((disk.Quorum.CopyMarkedAsync(piece, buffer.AsMemory(0, dataBytes)), buffer));
                }

                await DrainAsync(0, advanced);
            }
        }
        catch
        {
            // The copies' own failures are the session's; they are only waited for, so that no buffer is in use any more.
            while (_copies.TryDequeue(out (ValueTask<long> Copy, byte[] Buffer) copy))
                await SettledAsync(copy);
            throw;
        }
    }

    // What is one kind: a hole of a forward's length at most, or data of a copy's. Looked up without the lock; the copy looks again.
    private async Task<BlockRange> NextAsync(long offsetBytes)
    {
        CopyShare now = share();
        BlockRange run = disk.Marks.NextToCopy(offsetBytes, now.HolePieceBytes);
        if (run.IsEmpty)
            return run;
        Extent extent = await disk.Local.StatusAsync(run);
        long blockBytes = disk.Marks.BlockSizeBytes;
        long holeBytes = extent.Flags.HasFlag(ExtentFlags.Zero) ? extent.LengthBytes : 0;
        if (holeBytes < run.LengthBytes)
            holeBytes -= holeBytes % blockBytes;
        return run with { LengthBytes = holeBytes > 0 ? holeBytes : Math.Min(run.LengthBytes, now.DataBytes(disk.Marks.BlockSizeBytes)) };
    }

    private async Task DrainAsync(int allowed, Action<long> advanced)
    {
        bool waited = _copies.Count > allowed;
        while (_copies.Count > allowed)
        {
            (ValueTask<long> copy, byte[] buffer) = _copies.Dequeue();
            try
            {
                long sentBytes = await copy;
                SentBytes += sentBytes;
                advanced(sentBytes);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        // A copy's answer arrives on the mirror's receive thread: the next read of the disk must not keep that one from its replies.
        if (waited)
            await Task.Yield();
    }

    private static async Task SettledAsync((ValueTask<long> Copy, byte[] Buffer) copy)
    {
        try
        {
            await copy.Copy;
        }
        catch (BlockException)
        {
            // Reported with the session's loss.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy.Buffer);
        }
    }
}
