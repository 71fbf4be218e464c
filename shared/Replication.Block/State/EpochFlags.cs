namespace Replication.Block.State;

/// <summary>What a record says besides its stage. Values are on disk.</summary>
[Flags]
public enum EpochFlags : byte
{
    None = 0,

    /// <summary>The node has replicated with a peer: after a restart a primary does not serve before its generation is confirmed.</summary>
    HadPeer = 1,

    /// <summary>The secondary disk may lack a primary write (invariant Whole): no checkpoint until a completed sync clears it.</summary>
    Incomplete = 2,

    /// <summary>
    /// A primary's dirty bitmaps hold every block that may differ from its peer's disk (invariant No lost dirt); without it a sync compares the disks.
    /// </summary>
    MarksTrusted = 4,
}
