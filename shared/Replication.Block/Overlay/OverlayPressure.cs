namespace Replication.Block.Overlay;

/// <summary>How full the overlay directory is; the budget tells each once an epoch.</summary>
public enum OverlayPressure
{
    /// <summary>The soft limit is reached: a checkpoint would make room.</summary>
    Soft,

    /// <summary>Something found no room: the limit is reached, or the file system is full.</summary>
    Hard,
}
