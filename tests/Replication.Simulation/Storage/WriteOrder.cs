namespace Replication.Simulation.Storage;

/// <summary>Numbers the writes of one host as they land, over all of its files.</summary>
internal sealed class WriteOrder
{
    public long Last { get; private set; }

    public long Next() => ++Last;
}
