namespace Replication.Simulation.CrashPoints;

/// <summary>What comes to an end, and what the nodes are configured for.</summary>
public enum Crash
{
    /// <summary>kill -9 of a process, <c>Durability: process</c>.</summary>
    Kill,

    /// <summary>Loss of power, <c>Durability: power</c>.</summary>
    Power,

    /// <summary>Loss of power, <c>Durability: process</c>: the node may lose what it had, and must say so.</summary>
    Reboot,
}
