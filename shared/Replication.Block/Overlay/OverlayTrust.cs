namespace Replication.Block.Overlay;

/// <summary>What is believed of overlay files that are found at open.</summary>
public enum OverlayTrust
{
    /// <summary>All of it: the machine has not booted since.</summary>
    All,

    /// <summary>What was flushed: it has, and the node's durability is <c>power</c>.</summary>
    Durable,

    /// <summary>Nothing: it has, and the node's durability was <c>process</c>.</summary>
    None,
}
