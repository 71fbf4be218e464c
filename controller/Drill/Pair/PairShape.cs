namespace Replication.Controller.Drill.Pair;

/// <summary>What a scenario needs of its pair.</summary>
/// <param name="LosesSecondary">The mirror's deadline is the one of <see cref="OutageTimes"/>; else it is long, for
/// a busy machine must not detach a mirror where bytes are judged.</param>
/// <param name="Relayed">The primary reaches the secondary through a relay of the drill's own, which can be cut.</param>
internal sealed record PairShape(bool LosesSecondary = false, bool Relayed = false)
{
    public static PairShape Plain { get; } = new();

    public static PairShape Outage { get; } = new(LosesSecondary: true);
}
