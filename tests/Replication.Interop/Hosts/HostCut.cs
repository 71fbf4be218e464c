namespace Replication.Interop.Hosts;

/// <summary>How the wire between the two hosts is cut; nobody is told, but by the last.</summary>
public enum HostCut
{
    /// <summary>What the primary's host sends is dropped.</summary>
    FromPrimary,

    /// <summary>What the secondary's host sends is dropped.</summary>
    FromSecondary,

    /// <summary>What either sends is dropped.</summary>
    Both,

    /// <summary>The interface of the primary's host goes down: it has no way to the secondary any more, and its system says so.</summary>
    InterfaceDown,
}
