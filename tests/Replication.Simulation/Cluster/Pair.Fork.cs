using Replication.Simulation.Model;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Cluster;

/// <remarks>
/// A second pair that begins where both nodes of this one have ended: with what a crash has left on their
/// machines, and with what is known of what their guests may see.
/// </remarks>
internal sealed partial class Pair
{
    /// <summary>It is kept in mind what a loss of power may take.</summary>
    public bool KeepsUnflushed { get; private set; }

    /// <summary>A machine may have been booted under durability <c>process</c>: a node that says that it trusts nothing is right.</summary>
    public bool MayBeInconsistent { get; set; }

    /// <summary>What was changed behind the pair's back may have been overwritten since, by a sync or a repair.</summary>
    public bool RotMayBeHealed { get; set; }

    /// <summary>From here on it is known what a loss of power may take; before the first boot.</summary>
    public void KeepUnflushed()
    {
        KeepsUnflushed = true;
        Primary.KeepUnflushed();
        Secondary.KeepUnflushed();
        foreach (ByteModel model in PrimaryModel)
            model.KeepFlushed();
    }

    /// <summary>A pair whose machines are to be restored (<see cref="SimulatedHost.Restore"/>) before they are booted.</summary>
    public Pair Fork(Scheduler scheduler, Action<string> tell, bool primaryLosesPower, bool secondaryLosesPower)
    {
        var fork = new Pair(tell, scheduler, Settings)
        {
            PrimaryModel = [.. PrimaryModel.Select(model => Left(model, primaryLosesPower))],
            PromotedAt = PromotedAt is null ? null : 0,
            PrimaryWasAway = true,
            FailuresAreExpected = true,
            IsRotten = IsRotten,
            RotMayBeHealed = true,
            // After a reboot a process node trusts no marks, and the next sync compares.
            _marksHold = _marksHold && !(primaryLosesPower && Settings.Durability == Roles.Durability.Process),
        };
        foreach (ViewModel view in _views)
        {
            fork._views.Add(
                new ViewModel(view.Epoch, view.Attempt, [.. view.Disks.Select(disk => Left(disk, secondaryLosesPower))]) { IsInForce = view.IsInForce });
        }

        return fork;
    }

    /// <summary>Before the first boot: a promotion that is on record, and that nobody has seen yet, is one.</summary>
    public void NotePromotion()
    {
        if (IsPromotedOnRecord())
            PromotedAt ??= 0;
    }

    /// <summary>Bytes of the secondary's disk change behind its back: its guest may see them or not, until the next checkpoint.</summary>
    public void Rot(int disk, long offsetBytes, byte[] bytes)
    {
        IsRotten = true;
        Secondary.Disks[disk].Write(offsetBytes, bytes);
        foreach (ViewModel view in _views)
            view.Disks[disk].Doubt(view.Disks[disk].BeginWrite(new Block.BlockRange(offsetBytes, bytes.Length), bytes));
    }

    private static ByteModel Left(ByteModel model, bool losesPower) => losesPower ? model.AfterPowerLoss() : model.Copy();
}
