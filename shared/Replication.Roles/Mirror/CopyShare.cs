namespace Replication.Roles.Mirror;

/// <summary>
/// How much of the way to the peer copies may take: what a guest's forward finds in front of it is at
/// most <see cref="InFlight"/> pieces, whatever there is to copy.
/// </summary>
/// <param name="PieceBytes">Data of one copy; it is read and enqueued under the range lock.</param>
/// <param name="HolePieceBytes">The same of a hole, which costs the peer the undo copy of as much, and nothing on the way.</param>
/// <param name="InFlight">Copies that may be unanswered.</param>
internal readonly record struct CopyShare(int PieceBytes, int HolePieceBytes, int InFlight)
{
    /// <summary>Nobody waits: what fills a link.</summary>
    public static CopyShare Alone { get; } = new(MirrorLimits.CopyPieceBytes, MirrorLimits.ZeroPieceBytes, MirrorLimits.CopiesInFlight);

    /// <summary>A guest writes: one copy on the way while the next is read.</summary>
    public static CopyShare BesideGuest { get; } = new(
        MirrorLimits.GuestCopyPieceBytes, MirrorLimits.GuestHolePieceBytes, MirrorLimits.BackgroundCopiesInFlight);

    /// <summary>At most half of a window, so that the guest's forwards find room beside the copies.</summary>
    public CopyShare Within(long windowBytes) => this with { InFlight = (int)Math.Clamp(windowBytes / 2 / PieceBytes, 1, InFlight) };

    /// <summary>The largest copy of data where blocks are marked whole.</summary>
    public int DataBytes(int blockSizeBytes) => Math.Max(PieceBytes, blockSizeBytes);
}
