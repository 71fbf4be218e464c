using System.Threading.Tasks.Sources;
using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>
/// One guest write, or one copy, on its way to the peer: it owns its payload's copy until every piece is answered, and wakes who waits for it, once.
/// </summary>
/// <remarks>Pooled by its link. Fields are guarded by the link's lock unless they say otherwise.</remarks>
internal sealed class Forward(MirrorLink link) : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core; // continuations run in whoever settles it
    private int _references; // Interlocked: the pieces' side, and the waiter where there is one

    public BlockRange Range { get; private set; }

    /// <summary>The copy of the payload, from the session's pool; null for zeroing.</summary>
    public byte[]? Payload { get; private set; }

    public WriteFlags Flags { get; private set; }

    /// <summary>A copy's waiter wants the peer's answer; a guest write's may be released earlier.</summary>
    public bool IsCopy { get; private set; }

    /// <summary>The session's time when its guest write entered, and its number of replies then.</summary>
    public long EnteredAt { get; private set; }

    public long RepliesThen { get; private set; }

    /// <summary>Where the part begins that no piece has taken yet.</summary>
    public long NextOffsetBytes { get; set; }

    /// <summary>Pieces that were taken and not answered.</summary>
    public int OpenPieces { get; set; }

    /// <summary>The first piece's error; null where all succeeded so far.</summary>
    public BlockException? Failure { get; set; }

    /// <summary>The list of forwards that somebody waits for.</summary>
    public LinkedListNode<Forward> Waiting => field ??= new LinkedListNode<Forward>(this);

    /// <summary>Its number in the order of enqueueing.</summary>
    public long Serial { get; set; }

    /// <summary>The list of forwards that are not wholly answered.</summary>
    public LinkedListNode<Forward> Open => field ??= new LinkedListNode<Forward>(this);

    /// <summary>The list of forwards with pieces that are not taken.</summary>
    public LinkedListNode<Forward> Queued => field ??= new LinkedListNode<Forward>(this);

    /// <summary>What no piece has taken yet.</summary>
    public BlockRange Rest => BlockRange.FromBounds(NextOffsetBytes, Range.EndBytes);

    public bool IsZeroing { get; private set; }

    /// <summary>Its guest write went on without the answer; who overlaps it does not wait for the same answer again.</summary>
    public bool IsReleased { get; set; }

    public bool AllTaken => NextOffsetBytes == Range.EndBytes;

    public bool IsFinished => AllTaken && OpenPieces == 0;

    public long PayloadBytes => Payload is null ? 0 : Range.LengthBytes;

    public void Begin(BlockRange range, byte[]? payload, WriteFlags flags, bool isCopy, long enteredAt, long repliesThen)
    {
        Range = range;
        Payload = payload;
        IsZeroing = payload is null;
        Flags = flags;
        IsCopy = isCopy;
        EnteredAt = enteredAt;
        RepliesThen = repliesThen;
        NextOffsetBytes = range.OffsetBytes;
        OpenPieces = 0;
        Failure = null;
        IsReleased = false;
        _references = 1;
    }

    /// <summary>Its guest write entered earlier, and waited for room, which replies made.</summary>
    public void CountFrom(long enteredAt)
    {
        EnteredAt = enteredAt;
        RepliesThen = -1;
    }

    /// <summary>The task of who waits for it.</summary>
    public ValueTask AddWaiter()
    {
        _core.Reset();
        _references = 2;
        return new ValueTask(this, _core.Version);
    }

    /// <summary>The next piece's range; the rest shrinks.</summary>
    public BlockRange TakePiece()
    {
        int largest = IsZeroing ? MirrorLimits.ZeroPieceBytes : MirrorLimits.WritePieceBytes;
        var piece = new BlockRange(NextOffsetBytes, Math.Min(largest, Range.EndBytes - NextOffsetBytes));
        NextOffsetBytes = piece.EndBytes;
        OpenPieces++;
        return piece;
    }

    /// <summary>Gives the payload up.</summary>
    public byte[]? TakePayload()
    {
        byte[]? payload = Payload;
        Payload = null;
        return payload;
    }

    /// <summary>Releases the waiter; outside of every lock, after it was taken off the waiting list.</summary>
    public void Settle(BlockException? failure)
    {
        if (failure is null)
            _core.SetResult(true);
        else
            _core.SetException(failure);
    }

    public void ReleaseReference()
    {
        if (Interlocked.Decrement(ref _references) == 0)
            link.Recycle(this);
    }

    void IValueTaskSource.GetResult(short token)
    {
        try
        {
            _core.GetResult(token);
        }
        finally
        {
            ReleaseReference();
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
