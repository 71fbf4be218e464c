namespace Replication.Block.Secondary;

/// <summary>What a secondary's guest sees.</summary>
public enum ViewState
{
    /// <summary>Nothing: there has been no sync, or the overlays are lost.</summary>
    None,

    /// <summary>The last checkpoint, through overlays.</summary>
    Layered,

    /// <summary>The secondary disk itself.</summary>
    Disk,
}
