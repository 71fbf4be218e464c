namespace Replication.Block.Locks;

/// <summary>One shared stay inside a <see cref="GroupGate"/>; given back with <see cref="GroupGate.Exit"/>, once.</summary>
public readonly struct GateTicket
{
    private readonly int _shardPlusOne;

    internal GateTicket(int shard) => _shardPlusOne = shard + 1;

    /// <summary>False for the default value, which holds nothing.</summary>
    public bool IsHeld => _shardPlusOne != 0;

    internal int Shard => _shardPlusOne - 1;
}
