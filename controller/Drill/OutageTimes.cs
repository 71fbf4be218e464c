namespace Replication.Controller.Drill;

/// <summary>The times of scenarios in which the secondary is lost for a while.</summary>
/// <param name="Deadline">The nodes' mirror deadline: short, so that a guest which waits for more than it is told from one that does not.</param>
/// <param name="Slack">What a write may take beyond it on a busy machine.</param>
/// <param name="Length">How long the secondary hangs or the link stays cut: longer than both together,
/// so that a guest which waits for the end is found out.</param>
internal sealed record OutageTimes(TimeSpan Deadline, TimeSpan Slack, TimeSpan Length)
{
    public static OutageTimes Default { get; } = new(TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(2.5), TimeSpan.FromSeconds(5));
}
