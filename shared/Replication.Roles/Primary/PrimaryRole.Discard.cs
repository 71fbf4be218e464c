using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <remarks>
/// The operator's word that what the secondary's side has changed since the two parted does not count: a generation begins that follows both sides', so that
/// each of them recognises it as its successor, and the disks are compared. Only where nobody serves what is discarded: a secondary whose promotion was lost
/// with its view is <c>inconsistent</c>, and no other verb brings the fenced primary beside it back. A
/// promoted node that serves is not overruled from here (invariant Fence).
/// </remarks>
internal sealed partial class PrimaryRole
{
    private async Task DiscardSecondaryAsync(IReplicationPeer peer, CancellationToken cancellationToken)
    {
        PeerPosition position = await AskPositionAsync(peer, Verb.Start, cancellationToken);
        HistoryRelation relation = History.Compare(State.History, position.History);
        // Nothing of its own, and we are not fenced by somebody whom it has replaced.
        if (_stage != NodeStage.Fenced && relation is not HistoryRelation.TheirsNewer and not HistoryRelation.Diverged)
            return;
        string theirs = position.History.Count == 0 ? "none" : $"{position.Generation}";
        if (position.Role != NodeRole.Secondary || position.Stage is not NodeStage.Inconsistent and not NodeStage.None)
        {
            throw new VerbException(
                VerbFailure.Refused,
                $"start is refused: the {StageTable.NameOf(position.Role)} is {StageTable.NameOf(position.Stage)} at generation {theirs} epoch "
                + $"{position.Epoch}, the primary at {State.Generation} epoch {State.Record.Epoch}; "
                + "changes are discarded only of a secondary that is inconsistent or none");
        }

        try
        {
            await SupersedeAsync(position, theirs);
        }
        catch (IOException e)
        {
            throw AsVerbFailure("start", e);
        }

        // Nothing says any more what differs.
        await _marks.EndUntrustedAsync();
    }

    private async Task SupersedeAsync(PeerPosition position, string theirs)
    {
        using (await _changes.EnterAsync())
        {
            ulong number = Math.Max(State.Generation.Number, position.History.Count == 0 ? 0 : position.Generation.Number) + 1;
            await State.BeginGenerationOverAsync(
                position.History,
                new Generation(number, _context.NewId(), State.Generation.Id, State.Record.Epoch),
                record => record with
                {
                    Stage = NodeStage.Standalone,
                    Flags = record.Flags & ~(EpochFlags.HadPeer | EpochFlags.MarksTrusted),
                    PairId = Guid.Empty
                });
            Transition(NodeStage.Standalone);
            Journal.Publish(EventTypes.FailoverCompleted, ("node", "primary"), ("generation", State.Generation.Number), ("discarded", theirs));
            _holds.Remove(HoldReason.Fenced | HoldReason.Unconfirmed | HoldReason.WaitedTooLong | HoldReason.RecordFailed);
        }
    }
}
