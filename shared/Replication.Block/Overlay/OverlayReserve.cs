using Replication.Block.Files;
using Replication.Block.Locks;

namespace Replication.Block.Overlay;

/// <summary>
/// Room that only the secondary's guest may use, so that a full overlay does not fail its next write: allocated bytes in a file, given up piece by piece.
/// </summary>
/// <remarks>
/// A number alone would do against the limit, but not against a full file system: there the bytes must be there. Filled at open and again behind every set that
/// was given back; removed when the group ends. Its file is no overlay, and holds nothing.
/// </remarks>
internal sealed class OverlayReserve : IAsyncDisposable
{
    /// <summary>The file's name in the overlay directory.</summary>
    public const string FileName = "reserve";

    private static readonly BlockRange s_turn = new(0, 1);

    private readonly IFileStore _files;
    private readonly OverlayBudget _budget;
    private readonly BlockNode _file;
    private readonly RangeLock _turns = new(); // guards _filledBytes and the file
    private long _filledBytes; // the file is allocated up to here
    private bool _closed;

    private OverlayReserve(IFileStore files, OverlayBudget budget, BlockNode file)
    {
        _files = files;
        _budget = budget;
        _file = file;
    }

    /// <summary>How much is set aside of a limit; 0 where there is none.</summary>
    public static long SizeOf(long limitBytes) =>
        limitBytes == long.MaxValue
            ? 0
            : Math.Min(limitBytes / Limits.OverlayReserveShare, Limits.OverlayReserveBytes) / Limits.ReservePieceBytes * Limits.ReservePieceBytes;

    /// <summary>Sets room aside, as much of it as there is; null where its file cannot be made: nothing depends on having one.</summary>
    public static async ValueTask<OverlayReserve?> CreateAsync(IFileStore files, OverlayBudget budget, Func<BlockNode, BlockNode> decorate)
    {
        BlockNode file;
        try
        {
            file = files.Create(FileName, SizeOf(budget.LimitBytes), "overlay.reserve");
        }
        catch (IOException)
        {
            return null;
        }

        var reserve = new OverlayReserve(files, budget, decorate(file));
        await reserve.FillAsync();
        return reserve;
    }

    /// <summary>Gives at least one piece up to the guest; false where nothing is left.</summary>
    public async ValueTask<bool> FreeAsync(long bytes)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            if (_filledBytes == 0 || _closed)
                return false;
            long pieceBytes = Math.Min(_filledBytes, (bytes + Limits.ReservePieceBytes - 1) / Limits.ReservePieceBytes * Limits.ReservePieceBytes);
            await _file.DiscardAsync(new BlockRange(_filledBytes - pieceBytes, pieceBytes));
            _filledBytes -= pieceBytes;
            _budget.FreeSetAside(pieceBytes);
            return true;
        }
        catch (BlockException)
        {
            // The file keeps what it has; the guest gets the error that brought it here.
            return false;
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    /// <summary>Fills the file again, as far as there is room.</summary>
    public async ValueTask FillAsync()
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            // All of it at once where there is room, otherwise what there is.
            long pieceBytes = _file.LengthBytes - _filledBytes;
            while (!_closed && pieceBytes > 0)
            {
                bool filled = await TryFillAsync(pieceBytes);
                pieceBytes = filled
                    ? Math.Min(pieceBytes, _file.LengthBytes - _filledBytes)
                    : pieceBytes / 2 / Limits.ReservePieceBytes * Limits.ReservePieceBytes;
            }
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    public async ValueTask DisposeAsync()
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            if (_closed)
                return;
            _closed = true;
            await _file.DisposeAsync();
            _budget.DropSetAside(_filledBytes);
            _filledBytes = 0;
            _files.Delete(FileName);
        }
        catch (IOException)
        {
            // The next open removes it.
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    private async ValueTask<bool> TryFillAsync(long bytes)
    {
        if (!_budget.TrySetAside(bytes))
            return false;
        var piece = new BlockRange(_filledBytes, bytes);
        try
        {
            await _file.WriteZeroesAsync(piece, WriteFlags.NoUnmap);
            _filledBytes = piece.EndBytes;
            return true;
        }
        catch (BlockException)
        {
            // Some of it may be allocated.
        }

        try
        {
            await _file.DiscardAsync(piece);
            _budget.DropSetAside(bytes);
        }
        catch (BlockException)
        {
            // It stays counted until the node ends, whether it is there or not.
        }

        return false;
    }
}
