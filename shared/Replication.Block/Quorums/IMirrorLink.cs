namespace Replication.Block.Quorums;

/// <summary>What a quorum needs of its mirror child besides the node that it forwards guest requests to.</summary>
/// <remarks>
/// The node and the link are one way: a call on either enqueues before it returns, having copied the payload, and what overlaps is applied in the order of the
/// calls. The node's tasks complete when the guest may be acknowledged, which depends on the acknowledgement mode; the link's when the peer has answered.
/// </remarks>
public interface IMirrorLink
{
    IForwardWindow Window { get; }

    /// <summary>Forwards what a copy has read; completes when the peer has it.</summary>
    ValueTask CopyAsync(long offsetBytes, ReadOnlyMemory<byte> data);

    /// <summary>Forwards a hole; completes when the peer has it.</summary>
    ValueTask CopyZeroesAsync(BlockRange range);

    /// <summary>
    /// The guest write that was forwarded last for this range has waited since that moment of the window's time: what it waited for room counts.
    /// </summary>
    void CountFrom(BlockRange range, long askedAt);

    /// <summary>Ends the session: the two disks may differ in a way that nothing on its way will heal.</summary>
    void Lose(BlockRange range, string reason);
}
