namespace Replication.Block.Quorums;

/// <summary>A quorum's second child: the node that guest requests are forwarded to, and the link at its end.</summary>
internal sealed record MirrorChild(BlockNode Node, IMirrorLink Link);
