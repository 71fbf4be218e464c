using Replication.Block;
using Replication.Block.Quorums;

namespace Replication.Roles.Primary;

/// <summary>Why guest requests may have to wait or fail. Several may be in force at once; the strictest one decides.</summary>
[Flags]
internal enum HoldReason
{
    None = 0,

    /// <summary>A session has ended and the role has not yet settled what that means: writes and their acknowledgements wait.</summary>
    Settling = 1,

    /// <summary>A secondary asks whether it may be promoted: writes and their acknowledgements wait.</summary>
    PromotionAsked = 2,

    /// <summary>A restarted primary whose generation nobody has confirmed: everything waits.</summary>
    Unconfirmed = 4,

    /// <summary>The same, and <c>Peer.WaitAtStart</c> is over: everything fails.</summary>
    WaitedTooLong = 8,

    /// <summary>A newer generation is in force: writes fail, for good.</summary>
    Fenced = 16,

    /// <summary>The state directory took no record, so nothing unmirrored may be acknowledged: writes fail.</summary>
    RecordFailed = 32,

    /// <summary>
    /// The operator has told this primary to go on alone, and the new generation is not on record yet: writes and their acknowledgements wait.
    /// </summary>
    Promoting = 64,
}

/// <summary>Combines the role's reasons into the one state of the data path's <see cref="GuestAdmission"/>.</summary>
internal sealed class GuestHolds(GuestAdmission admission)
{
    private readonly Lock _lock = new();
    private readonly HashSet<object> _unsettled = []; // guarded by _lock: the sessions of Settling
    private HoldReason _reasons; // guarded by _lock
    private AdmissionHold? _hold; // guarded by _lock

    public void Add(HoldReason reason) => Change(reason, HoldReason.None);

    public void Remove(HoldReason reason) => Change(HoldReason.None, reason);

    /// <summary>
    /// A session has ended: <see cref="HoldReason.Settling"/> until every one of them is settled. One
    /// may end while the end of an earlier one is not settled yet.
    /// </summary>
    public void BeginSettling(object session) => Change(HoldReason.Settling, HoldReason.None, session);

    /// <summary>It is settled what the session's end means; of a session that has not ended, nothing.</summary>
    public void EndSettling(object session) => Change(HoldReason.None, HoldReason.Settling, session);

    private void Change(HoldReason add, HoldReason remove, object? session = null)
    {
        // Whoever waited goes on when the batch ends, outside of the lock.
        using IoBatch.Scope batch = IoBatch.Enter();
        lock (_lock)
        {
            if (session is not null && add != HoldReason.None)
                _unsettled.Add(session);
            else if (session is not null)
                _unsettled.Remove(session);
            if (_unsettled.Count > 0)
                remove &= ~HoldReason.Settling;
            _reasons = (_reasons | add) & ~remove;
            GuestHold scope = ScopeOf(_reasons);
            if (scope != (_hold?.Scope ?? GuestHold.None))
            {
                // The new hold before the old one goes: nothing slips through between them.
                AdmissionHold? before = _hold;
                _hold = scope == GuestHold.None ? null : admission.Hold(scope);
                before?.Release();
            }

            if (RefusalOf(_reasons) is not { } refusal)
                admission.Readmit();
            else if (_reasons.HasFlag(HoldReason.WaitedTooLong))
                admission.RefuseAll(refusal);
            else
                admission.RefuseWrites(refusal);
        }
    }

    private static GuestHold ScopeOf(HoldReason reasons)
    {
        if (reasons.HasFlag(HoldReason.Unconfirmed))
            return GuestHold.All;
        return (reasons & (HoldReason.Settling | HoldReason.PromotionAsked | HoldReason.Promoting)) != 0 ? GuestHold.WritesAndAcknowledgements : GuestHold.None;
    }

    private static string? RefusalOf(HoldReason reasons)
    {
        if (reasons.HasFlag(HoldReason.WaitedTooLong))
            return "no peer has confirmed this primary's generation since its restart";
        if (reasons.HasFlag(HoldReason.Fenced))
            return "a newer generation is in force: this primary is fenced";
        return reasons.HasFlag(HoldReason.RecordFailed) ? "the state directory took no record of the lost mirror" : null;
    }
}
