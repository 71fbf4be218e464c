namespace Replication.Block.State;

/// <summary>Which of a node's directories a <see cref="StateException"/> is about: who configured it wants to know the key.</summary>
public enum StatePlace
{
    StateDirectory,
    OverlayDirectory,
    SpillDirectory,

    /// <summary>There is no overlay directory, and a secondary needs one.</summary>
    OverlayNotConfigured,
}
