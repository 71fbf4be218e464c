using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Network;

/// <summary>The network between the two hosts, in one direction: how slow it is, and whether anything gets through.</summary>
internal sealed class Wire
{
    private readonly List<Action> _held = [];

    public long Usual { get; set; } = Scheduler.Ticks(0.3);

    public long Slow { get; set; } = Scheduler.Ticks(10);

    /// <summary>Packets are dropped; what was sent is sent again when they are not any more, unless its connection has ended.</summary>
    public bool IsCut { get; private set; }

    public void Cut() => IsCut = true;

    public void Heal()
    {
        IsCut = false;
        Action[] held = [.. _held];
        _held.Clear();
        foreach (Action resend in held)
            resend();
    }

    public long Delay(Random random) => random.Next(30) == 0 ? random.NextInt64(Slow) : random.NextInt64(Usual);

    public void Hold(Action resend) => _held.Add(resend);
}
