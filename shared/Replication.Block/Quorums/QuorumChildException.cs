namespace Replication.Block.Quorums;

/// <summary>A change of a quorum's children that is refused; one line says why.</summary>
public sealed class QuorumChildException(string message) : InvalidOperationException(message);
