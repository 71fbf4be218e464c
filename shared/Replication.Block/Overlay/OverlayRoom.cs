namespace Replication.Block.Overlay;

/// <summary>
/// What the overlays of a group share in matters of room: the budget of the first directory, that of the spill directory, and the guest's reserve.
/// </summary>
internal sealed class OverlayRoom(OverlayBudget main, OverlayBudget? spill)
{
    private volatile OverlayReserve? _reserve; // set at open, before the first request; taken away when no overlay is needed any more

    public OverlayBudget Main => main;

    /// <summary>Null where no spill directory is configured.</summary>
    public OverlayBudget? Spill => spill;

    public OverlayReserve? Reserve
    {
        get => _reserve;
        set => _reserve = value;
    }

    /// <summary>Gives some of the reserve up to the guest; false where nothing is left of it.</summary>
    public ValueTask<bool> FreeReserveAsync(long bytes) => _reserve is { } reserve ? reserve.FreeAsync(bytes) : new ValueTask<bool>(false);

    /// <summary>The error of a request that finds the limit reached.</summary>
    public BlockException Full(string node, BlockRange range) => new(
        BlockErrorKind.NoSpace, node, BlockOperation.Write, range,
        $"the overlays are full ({main.UsedBytes} of {main.LimitBytes} bytes); a checkpoint empties them, "
        + "a larger Overlay:Limit or an Overlay:Spill holds more",
        Errno.ENOSPC);

    /// <summary>A request found no room anywhere but in the reserve: the file system is full, or the limit is reached.</summary>
    public void TellFull() => main.TellHard();
}
