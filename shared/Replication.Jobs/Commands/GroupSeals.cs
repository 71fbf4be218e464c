using Replication.Jobs.Bitmaps;

namespace Replication.Jobs.Commands;

/// <summary>
/// The targets of jobs that succeed together: each is whole before the decision, and says so after it. The decision has them on record, so that a kill in
/// between leaves none of them marked whose group has succeeded.
/// </summary>
/// <remarks>Used by the end of the transaction alone, one step after the other.</remarks>
internal sealed class GroupSeals(BitmapStore bitmaps)
{
    private readonly List<(IBackupTarget Target, TargetSeal Seal)> _pending = [];

    public IReadOnlyList<TargetSeal> Pending => [.. _pending.Select(pending => pending.Seal)];

    /// <exception cref="Block.BlockException">The target is not whole.</exception>
    public async ValueTask PrepareAsync(IBackupTarget target)
    {
        if (await target.PrepareSealAsync() is { } seal)
            _pending.Add((target, seal));
    }

    /// <summary>It is on record that the group has succeeded. What cannot be done now is done at the node's next start.</summary>
    public void Complete(IBackupTarget target)
    {
        foreach ((IBackupTarget sealedTarget, TargetSeal seal) in _pending)
        {
            if (sealedTarget == target && target.CompleteSeal())
                bitmaps.Sealed(seal);
        }
    }
}
