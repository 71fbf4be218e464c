namespace Replication.Simulation;

/// <summary>A checker has seen what must not be.</summary>
internal sealed class SimulationFailureException(string message) : Exception(message);
