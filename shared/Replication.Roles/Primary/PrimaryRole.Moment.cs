using Replication.Jobs.Commands;

namespace Replication.Roles.Primary;

/// <remarks>
/// A checkpoint that is the moment of a transaction of jobs, too. The jobs hold the disks still, below this role, from within the guest's hold until what they
/// do is in force: so their moment is the cut even where the lease runs out in between. The hold has to be this checkpoint's own, and not ended by anybody by
/// the time the disks stand still; otherwise the guest could have written between the cut and the moment.
/// </remarks>
internal sealed partial class PrimaryRole
{
    /// <summary>Refuses where no checkpoint could begin now.</summary>
    /// <exception cref="VerbException">Names stage and verb.</exception>
    public void CheckCheckpoint() => Check(Verb.BeginCheckpoint);

    /// <exception cref="VerbException">There was no checkpoint, or nobody knows, or the moment's commit failed behind it: the message says which.</exception>
    public async Task CheckpointAsync(CheckpointMoment moment, CancellationToken cancellationToken)
    {
        BegunCheckpoint begun = await BeginOwnCheckpointAsync(cancellationToken);
        var outcome = CheckpointOutcome.Aborted;
        try
        {
            await moment.PrepareAsync(begun.Epoch);
            await RequireHeldAsync(begun);
            outcome = CheckpointOutcome.Unknown;
            outcome = await CommitAtPeerAsync(begun);
            moment.Commit();
        }
        catch (Exception e) when (outcome == CheckpointOutcome.Committed && e is IOException)
        {
            throw new VerbException(VerbFailure.Failed, $"{e.Message}; the checkpoint to epoch {begun.Epoch} has been made all the same", e);
        }
        catch (VerbException e) when (outcome == CheckpointOutcome.Unknown && e.Failure != VerbFailure.Unreachable)
        {
            outcome = CheckpointOutcome.Aborted;
            throw;
        }
        finally
        {
            moment.Release();
            await EndOwnCheckpointAsync(begun, outcome);
        }
    }

    private async Task<BegunCheckpoint> BeginOwnCheckpointAsync(CancellationToken cancellationToken)
    {
        Check(Verb.BeginCheckpoint);
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        using Interruption interruption = Interruptible(cancellationToken);
        try
        {
            // Somebody else's would be ended by them, at a moment of theirs.
            if ((await LastCheckpointAsync()).Held is { } held)
                throw new VerbException(VerbFailure.Refused, $"checkpoint is refused: the checkpoint to epoch {held.Begun.Epoch} has not ended");
            return await BeginCheckpointUnderVerbsAsync(0, null, interruption.Token);
        }
        catch (OperationCanceledException e)
        {
            throw AsVerbFailure("checkpoint", e);
        }
    }

    private async Task RequireHeldAsync(BegunCheckpoint begun)
    {
        using (await _changes.EnterAsync())
        {
            if (_hold?.Begun.Attempt != begun.Attempt)
                throw new VerbException(VerbFailure.Failed, $"the checkpoint to epoch {begun.Epoch} ended before everything stood still");
        }
    }

    private async Task<CheckpointOutcome> CommitAtPeerAsync(BegunCheckpoint begun)
    {
        if (await CommitWithinAsync(RequirePeer(), begun, CancellationToken.None))
            return CheckpointOutcome.Committed;
        throw new VerbException(
            VerbFailure.Unreachable,
            $"the secondary did not answer the commit of the checkpoint to epoch {begun.Epoch} in time; it may have been made: see the status of both nodes");
    }

    /// <summary>What comes of the end has been told by the commit; a peer that cannot say now says it before the next checkpoint.</summary>
    private async Task EndOwnCheckpointAsync(BegunCheckpoint begun, CheckpointOutcome outcome)
    {
        try
        {
            await EndCheckpointAsync(begun.Epoch, outcome, CancellationToken.None);
        }
        catch (Exception e) when (e is VerbException or IOException)
        {
            _context.Log.EpochInDoubt(e.Message);
        }
    }
}
