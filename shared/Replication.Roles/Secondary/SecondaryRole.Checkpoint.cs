using Replication.Block;
using Replication.Block.Secondary;
using Replication.Block.State;

namespace Replication.Roles.Secondary;

internal sealed partial class SecondaryRole
{
    private CommitRequest? _lastCommit; // guarded by _verbs; what an idempotent repetition must repeat

    public async Task<(ulong Epoch, TimeSpan Elapsed)> CommitCheckpointAsync(CommitRequest request)
    {
        long began = Time.GetTimestamp();
        Check(Verb.CommitCheckpoint);
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        Check(Verb.CommitCheckpoint);
        if (request == _lastCommit && request.Epoch == Record.Epoch)
            return (Record.Epoch, Time.GetElapsedTime(began));
        await SwitchAsync(request, NodeStage.Running);
        Journal.Publish(EventTypes.Checkpoint, ("epoch", request.Epoch));
        return (request.Epoch, Time.GetElapsedTime(began));
    }

    /// <summary>The last checkpoint of a replication that ends: no overlays afterwards, and the disk stays as the primary's is now.</summary>
    public async Task<ulong> StopReplicationAsync(CommitRequest request)
    {
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        if (Stage == NodeStage.Stopped && request == _lastCommit)
            return Record.Epoch;
        Check(Verb.CommitCheckpoint);
        await SwitchAsync(request, NodeStage.Stopped);
        // Its writes have been drained. A flush that is under way takes as long as it takes, and the primary's guest is held.
        await EndSessionAsync("ended", "replication has been stopped", TimeSpan.Zero);
        Journal.Publish(EventTypes.Stopped, ("epoch", request.Epoch));
        return request.Epoch;
    }

    /// <summary>The node's own verb with QEMU's meaning: a switch to what the disk holds now.</summary>
    public async Task<ulong> CheckpointAsync(CancellationToken cancellationToken)
    {
        using AsyncMutex.Holder verb = await _verbs.EnterAsync();
        Check(Verb.Checkpoint);
        CheckWhole();
        ulong epoch = Record.Epoch + 1;
        await SwitchAsync(new SwitchRequest { Next = record => record with { Epoch = epoch }, Deadline = Options.Mirror.Deadline });
        Journal.Publish(EventTypes.Checkpoint, ("epoch", epoch));
        return epoch;
    }

    /// <summary>Checks everything first; then one record for all disks.</summary>
    private async Task SwitchAsync(CommitRequest request, NodeStage next)
    {
        SecondarySession session = CurrentSession(request.Session);
        // The first commit of a session may skip epochs: the primary has been through them with another secondary.
        if (session.HasCommitted ? request.Epoch != Record.Epoch + 1 : request.Epoch <= Record.Epoch)
            throw new VerbException(VerbFailure.Refused, $"checkpoint to epoch {request.Epoch} is refused: the secondary is at epoch {Record.Epoch}");
        if (!session.Synced)
            throw Incomplete();
        if (_attachedHistory![^1].Id != request.Generation.Id)
        {
            throw new VerbException(
                VerbFailure.Refused, $"checkpoint is refused: it names generation {request.Generation}, the session was attached with {_attachedHistory[^1]}");
        }

        if (State.Generation.Id != request.Generation.Id)
            State.AdoptHistory(_attachedHistory);
        await SwitchOrDropHistoryAsync(new SwitchRequest
        {
            Next = record => record with
            {
                Stage = next,
                Epoch = request.Epoch,
                GenerationNumber = request.Generation.Number,
                GenerationId = request.Generation.Id,
                Flags = record.Flags & ~EpochFlags.Incomplete,
                PairId = _attachedPairId,
            },
            WithOverlays = next == NodeStage.Running,
            Deadline = Options.Mirror.Deadline,
            FlushesAhead = false,
            Precondition = () => session.State.WhyNotDrained(request.AnsweredWrites),
        });
        session.HasCommitted = true;
        LogStage();
        _lastCommit = request;
    }

    /// <summary>A generation that was named for this switch, and that no record has reached, never began: the view is the older one's.</summary>
    private async Task SwitchOrDropHistoryAsync(SwitchRequest request)
    {
        try
        {
            await SwitchAsync(request);
        }
        catch
        {
            State.DropUnreached();
            throw;
        }
    }

    private async Task SwitchAsync(SwitchRequest request)
    {
        SwitchResult result = await _group.CheckpointAsync(request);
        if (result.Switched)
            return;
        if (result.Outcome == SwitchOutcome.Failed)
            ReportSwitchFailure(result);
        // A flush that failed may have lost what the primary takes for written: it hears of it by the end
        // of its session, and comes back with what it has marked.
        if (_session is { State.Failed: true })
            await EndSessionAsync("disk-failed", "the secondary disk may lack what the mirror has written");
        throw new VerbException(
            result.Outcome == SwitchOutcome.Refused ? VerbFailure.Refused : VerbFailure.Failed,
            $"checkpoint failed, epoch {Record.Epoch} stays in force: {result.Reason}", result.Error);
    }

    /// <summary>Failure case 6: the overlays could not be emptied, that is, the next ones or their record could not be written.</summary>
    private void ReportSwitchFailure(SwitchResult result)
    {
        var error = result.Error as BlockException;
        Journal.Report(new FailureReport(
            FailureCase.EmptyOverlay, DiskOf(error), error?.Range.OffsetBytes ?? 0, error?.Range.LengthBytes ?? 0,
            error?.Errno ?? Errno.EIO, Record.Epoch, result.Reason));
    }

    /// <summary>The disk whose file failed, by the node's name; empty for the record, which is the group's.</summary>
    private string DiskOf(BlockException? error) =>
        _group.Disks.FirstOrDefault(disk => error?.Node.StartsWith(disk.Name + ".", StringComparison.Ordinal) == true)?.Name ?? "";

    private void CheckWhole()
    {
        if (_lacksWrites || Record.Flags.HasFlag(EpochFlags.Incomplete))
            throw Incomplete();
    }

    private static VerbException Incomplete() =>
        new(VerbFailure.Refused, "checkpoint is refused: the secondary is incomplete, its disk may lack primary writes until a sync has completed; run start");
}
