using Replication.Block.Locks;
using Replication.Testing;

namespace Replication.Block.Tests.Locks;

public sealed class GroupGateTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(1);
    private readonly FakeTimeProvider _time = new();
    private readonly GroupGate _gate;

    public GroupGateTests() => _gate = new GroupGate(_time);

    [Fact]
    public async Task An_empty_gate_closes_at_once()
    {
        ValueTask<bool> closed = _gate.CloseAsync(s_deadline);
        Assert.True(closed.IsCompletedSuccessfully);
        Assert.True(await closed);
        Assert.False(_gate.TryEnter(out _));
        _gate.Open();
        Assert.True(_gate.TryEnter(out _));
    }

    [Fact]
    public async Task Closing_waits_for_those_inside_and_holds_those_who_come()
    {
        GateTicket inside = await _gate.EnterAsync();
        Task<bool> closed = _gate.CloseAsync(s_deadline).AsTask();
        Task<GateTicket> comer = _gate.EnterAsync().AsTask();
        Assert.False(closed.IsCompleted);
        _gate.Exit(inside);
        Assert.True(await closed.WaitAsync(TestTimeouts.Patience));
        Assert.False(comer.IsCompleted);
        _gate.Open();
        _gate.Exit(await comer.WaitAsync(TestTimeouts.Patience));
    }

    [Fact]
    public async Task A_deadline_that_runs_out_opens_the_gate_again()
    {
        GateTicket inside = await _gate.EnterAsync();
        Task<bool> closed = _gate.CloseAsync(s_deadline).AsTask();
        Task<GateTicket> comer = _gate.EnterAsync().AsTask();
        _time.Advance(s_deadline);
        Assert.False(await closed.WaitAsync(TestTimeouts.Patience));
        _gate.Exit(await comer.WaitAsync(TestTimeouts.Patience));
        _gate.Exit(inside);
        Assert.True(await _gate.CloseAsync(s_deadline));
        _gate.Open();
    }

    [Fact]
    public async Task Who_waited_is_inside_before_the_gate_can_be_closed_again()
    {
        Assert.True(await _gate.CloseAsync(s_deadline));
        Task<GateTicket> comer = _gate.EnterAsync().AsTask();
        Task<bool> again;
        using (IoBatch.Enter())
        {
            _gate.Open();
            again = _gate.CloseAsync(s_deadline).AsTask();
            Assert.False(again.IsCompleted);
        }

        _gate.Exit(await comer);
        Assert.True(await again.WaitAsync(TestTimeouts.Patience));
        _gate.Open();
    }

    [Fact]
    public void Passing_an_open_gate_allocates_nothing()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Assert.True(_gate.TryEnter(out GateTicket ticket));
            _gate.Exit(ticket);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task Nobody_is_inside_while_the_gate_is_held()
    {
        var gate = new GroupGate(TimeProvider.System);
        int inside = 0;
        int closes = 0;
        bool end = false;
        Task[] guests = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!Volatile.Read(ref end))
            {
                GateTicket ticket = await gate.EnterAsync();
                Interlocked.Increment(ref inside);
                if (Random.Shared.Next(100) == 0)
                    await Task.Yield();
                Interlocked.Decrement(ref inside);
                gate.Exit(ticket);
            }
        }))];
        for (int i = 0; i < 3000; i++)
        {
            if (!await gate.CloseAsync(TestTimeouts.Patience))
                continue;
            closes++;
            Assert.Equal(0, Volatile.Read(ref inside));
            gate.Open();
        }

        Volatile.Write(ref end, true);
        await Task.WhenAll(guests).WaitAsync(TestTimeouts.Patience);
        Assert.Equal(3000, closes);
    }
}
