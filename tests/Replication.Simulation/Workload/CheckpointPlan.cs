namespace Replication.Simulation.Workload;

/// <summary>How a controller goes about one checkpoint.</summary>
/// <param name="DiesBefore">It dies before its second call, or its third; 3: it lives.</param>
/// <param name="Aborts">It changes its mind after the first call.</param>
/// <param name="Deadline">Hold to release; null: the mirror's.</param>
/// <param name="Pause">How long it takes between the first call and the second.</param>
/// <param name="Commits">How often it asks for the commit: a reply may be lost, and a repetition must answer the same.</param>
/// <param name="IsOvertaken">Another controller takes a whole checkpoint before its second call: what it commits then must not pass for that one.</param>
internal sealed record CheckpointPlan(int DiesBefore, bool Aborts, TimeSpan? Deadline, TimeSpan Pause, int Commits, bool IsOvertaken = false)
{
    /// <summary>Nothing odd about it.</summary>
    public static CheckpointPlan Plain { get; } = new(3, Aborts: false, Deadline: null, Pause: TimeSpan.Zero, Commits: 1);

    /// <summary>It is given up when its short lease has run out: the guest has gone on, and another one has taken the epoch, when its commit arrives.</summary>
    private static CheckpointPlan Overtaken(Random random)
    {
        var lease = TimeSpan.FromMilliseconds(random.Next(20, 100));
        return Plain with { Deadline = lease, Pause = lease * (2 + random.NextDouble()), IsOvertaken = true };
    }

    public static CheckpointPlan Draw(Random random, TimeSpan deadline) => random.Next(12) == 0 ? Overtaken(random) : new CheckpointPlan(
        random.Next(8) switch { 0 => 1, 1 => 2, _ => 3 },
        random.Next(12) == 0,
        random.Next(4) == 0 ? TimeSpan.FromMilliseconds(random.Next(20, 3000)) : null,
        random.Next(6) == 0 ? deadline * (random.NextDouble() * 3) : TimeSpan.Zero,
        random.Next(8) == 0 ? 2 : 1);
}
