using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Network;

/// <summary>One direction of one connection: messages arrive in the order in which they were sent, late or never.</summary>
internal sealed class Channel(Scheduler scheduler, Wire wire, SimulatedProcess receiver)
{
    private readonly Queue<Action> _messages = new();
    private bool _scheduled;
    private bool _ending;
    private bool _closed;

    public void Send(Action deliver)
    {
        if (_closed || _ending)
            return;
        _messages.Enqueue(deliver);
        Schedule();
    }

    /// <summary>Nothing more arrives.</summary>
    public void Close()
    {
        _closed = true;
        _messages.Clear();
    }

    /// <summary>The sender sends no more: some of what it had sent arrives, then <paramref name="notice"/>.</summary>
    public void EndAfterSome(Random random, Action notice)
    {
        if (_ending)
            return;
        int arrive = random.Next(3) switch { 0 => 0, 1 => _messages.Count, _ => random.Next(_messages.Count + 1) };
        Action[] left = [.. _messages.Take(arrive)];
        _messages.Clear();
        foreach (Action message in left)
            _messages.Enqueue(message);
        Send(notice);
        _ending = true;
    }

    private void Schedule()
    {
        if (_scheduled || _messages.Count == 0)
            return;
        _scheduled = true;
        scheduler.Schedule(receiver, wire.Delay(scheduler.Random), Arrive);
    }

    private void Arrive()
    {
        _scheduled = false;
        if (_closed || _messages.Count == 0)
            return;
        if (wire.IsCut)
        {
            _scheduled = true;
            wire.Hold(() =>
            {
                _scheduled = false;
                Schedule();
            });
            return;
        }

        Action message = _messages.Dequeue();
        // Several messages may come in one packet.
        if (_messages.Count > 0 && scheduler.Random.Next(2) == 0)
        {
            _scheduled = true;
            scheduler.Schedule(receiver, 0, Arrive);
        }
        else
        {
            Schedule();
        }

        message();
    }
}
