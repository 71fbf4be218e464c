namespace Replication.Simulation.Model;

/// <summary>What the secondary's guest may see, in one epoch: a cut of the primary's disks, and what the guest has written since.</summary>
internal sealed class ViewModel(ulong epoch, Guid attempt, IReadOnlyList<ByteModel> disks)
{
    public ulong Epoch => epoch;

    /// <summary>The checkpoint whose cut it is.</summary>
    public Guid Attempt => attempt;

    public IReadOnlyList<ByteModel> Disks => disks;

    /// <summary>Seen in force: what the guest writes from here on is written to this view.</summary>
    public bool IsInForce { get; set; }
}
