using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Storage;

namespace Replication.Simulation.Cluster;

/// <remarks>Invariant Fence: what an old primary may still do, and on what a promotion may rely.</remarks>
internal sealed partial class Pair
{
    // A freeze says nothing about the fence where the mirror was in trouble when it began: its deadline was running already.
    private static readonly long s_calmBefore = Scheduler.Ticks(1000);
    private static readonly long s_calmWork = Scheduler.Ticks(100);

    private long? _holdUntil;
    private long _trouble = -1;
    private long _faultyAt = -2;
    private bool _frozenThrough;
    private bool _frozenCalmly;

    /// <summary>The primary was stopped or down while the secondary was promoted, so that nobody could ask it.</summary>
    public bool PrimaryWasAway { get; set; }

    /// <summary>The mirror or the secondary is harmed now: what follows may take the primary's deadline.</summary>
    public void NoteTrouble() => (_trouble, _frozenThrough) = (_scheduler.Now, false);

    /// <summary>A host's storage begins to fail or to hang, or is mended.</summary>
    public void NoteFault(string what)
    {
        _tell(what);
        _faultyAt = _scheduler.Now;
        NoteTrouble();
    }

    /// <summary>A write of the primary's guest has failed: what it has left behind follows in the background, and a checkpoint waits for that.</summary>
    public void NoteDifference() => _faultyAt = _scheduler.Now;

    /// <summary>Something of the two hosts' storage fails, or does not answer.</summary>
    public bool IsFaulty => IsHostFaulty(Primary) || IsHostFaulty(Secondary);

    private static bool IsHostFaulty(SimulatedHost host) => host.Hangs || host.Faults.IsArmed || host.Targets.IsInTrouble;

    /// <summary>The primary is about to be stopped.</summary>
    public void NoteFreeze() => _frozenCalmly = _scheduler.Now - _trouble > s_calmBefore && !IsFaulty && HealthySince < _scheduler.Now - s_calmBefore
        && _inFlight.All(operation => operation.Host != Primary || _scheduler.Now - operation.IssuedAt < s_calmWork);

    /// <summary>The primary goes on. It finds out about a promotion before it acknowledges anything, where the promoted node can answer it.</summary>
    public void NoteThaw() =>
        _frozenThrough = _frozenCalmly
            && _replicatedWhenPromoted
            && _trouble < PromotionAskedAt
            && PromotedAt is { } promotedAt
            && promotedAt < _scheduler.Now - s_calmWork;

    /// <summary>
    /// Invariant Fence, from the files: a primary whose secondary has a view of its generation has that
    /// on record, so that it asks before it serves after a crash.
    /// </summary>
    public void CheckPeerIsOnRecord()
    {
        if (RecordSlots.Read(Secondary) is { Stage: NodeStage.Running } theirs && RecordSlots.Read(Primary) is { } ours
            && ours.Generation == theirs.Generation && !ours.Flags.HasFlag(EpochFlags.HadPeer))
        {
            throw Fail(
                $"Fence: the secondary has a view of the primary's generation at epoch {theirs.Epoch}, and a restarted primary would serve without asking it");
        }
    }

    /// <summary>
    /// Two heads that have been able to see each other for some time: the primary that has gone on alone has told of it, once in each of its lives.
    /// </summary>
    public void CheckTwoHeadsAreTold()
    {
        if (PrimaryStatus is not { Stage: NodeStage.Standalone } || SecondaryStatus is not { Stage: NodeStage.Failover or NodeStage.Done })
            return;
        int told = Primary.Journal!.Counts.GetValueOrDefault(EventTypes.SplitBrain);
        if (told != 1)
        {
            throw Fail($"both nodes serve, in generations {PrimaryStatus.Generation} and {SecondaryStatus.Generation}, "
                + $"and the primary has told of it {told} times");
        }
    }

    // The primary stops acknowledging for as long as its hold lasts, and no longer: a promotion that goes
    // on record after that may stand beside a primary that serves.
    private void SecondaryWrites(string node, ReadOnlyMemory<byte> data)
    {
        if (node != SimulatedDirectory.RecordNode || data.Length > 512 || RecordSlots.Decode(data.Span).Stage != NodeStage.Failover)
            return;
        if (_holdUntil is { } until && _scheduler.Now > until)
            Fail($"Fence: the promotion goes on record {(_scheduler.Now - until) / TimeSpan.TicksPerMillisecond} ms after the hold that it relies on ran out");
        _holdUntil = null;
        if (PromotedAt is null)
            AtPromoting();
    }

    private void HoldAnswered(long? until)
    {
        _holdUntil = until;
        if (until is not null)
            AtHeld();
    }

    /// <summary>Called when the secondary has its primary's answer, and is about to promote itself.</summary>
    public Action AtHeld { get; set; } = () => { };

    /// <summary>Called when the record of a promotion is being written.</summary>
    public Action AtPromoting { get; set; } = () => { };

    // Where the two could talk all the while, the primary holds before the promotion and is fenced after it; one that was restarted after it acknowledges
    // nothing until it knows; and one that was frozen through it asks before it acknowledges.
    private void CheckFence(GuestOperation operation)
    {
        if (PromotedAt is { } promotedAt && PrimaryStatus is { } status && status.Generation.Number < SecondaryStatus?.Generation.Number
            && operation.IssuedAt > promotedAt
            && ((HealthySince < PromotionAskedAt && (!PrimaryWasAway || _frozenThrough)) || _primaryBootedAt > promotedAt))
        {
            Fail($"Fence: {operation} is acknowledged by the old primary ({status.Stage}), "
                + $"{(_scheduler.Now - promotedAt) / TimeSpan.TicksPerMillisecond} ms after the promotion");
        }
    }
}
