namespace Replication.Simulation.CrashPoints;

/// <summary>One thing that a crash may leave in several ways.</summary>
/// <param name="Options">How many; 0 is that nothing of it is left, the last one that all of it is.</param>
/// <param name="Group">Choices of one write: an outcome that loses or keeps a single write makes them together.</param>
/// <param name="What">For people.</param>
/// <param name="Apply">Makes it so.</param>
internal sealed record Choice(int Options, (string File, long Write) Group, string What, Action<int> Apply);
