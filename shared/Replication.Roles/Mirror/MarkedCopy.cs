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
    private readonly CopiesInFlight _copies = new(disk.Quorum.CopyMarkedAsync);

    /// <summary>Bytes that were sent, zeroing included.</summary>
    public long SentBytes => _copies.SentBytes;

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
                    await _copies.DrainAsync(share().InFlight - 1, advanced);
                    if (pace is not null)
                        await pace(piece.LengthBytes);
                    _copies.Begin(piece, share().DataBytes(disk.Marks.BlockSizeBytes));
                }

                await _copies.DrainAsync(0, advanced);
            }
        }
        catch
        {
            await _copies.SettleAsync();
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
}
