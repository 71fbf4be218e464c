using Replication.Block;
using Replication.Block.Locks;
using Replication.Block.Quorums;

namespace Replication.Roles.Mirror;

/// <summary>
/// One disk's way to the secondary within a session: a node that forwards writes in order and sees to it that none of them holds the guest up for long.
/// </summary>
/// <remarks>
/// A call copies the payload and enqueues before it returns. Forwards leave in that order, split to pieces, at most <see cref="MirrorLimits.PiecesInFlight"/>
/// at a time (only a long zeroing may be passed, by what it does not touch);
/// a piece that overlaps an earlier unanswered one waits for its answer, so overlapping requests are never in flight together (Replica: NBD gives no
/// order between them). A guest write's task completes when the peer has answered (`applied`) or at once (`local`); when it has been kept for the deadline
/// while replies kept coming, it completes and the forward goes on as in `local`, and nobody waits for that answer again: neither who overlaps it, nor, before
/// this disk's next answer, anybody else. A failed forward ends the session, since from then on the disks may differ. In a session that is over nothing is sent
/// any more, and who waits is released by the session alone, after the role has been told: see
/// <see cref="MirrorSession.Lose(MirrorLoss)"/>. Reads go straight to the peer and are no part of the order: for comparisons, never for a guest.
/// </remarks>
public sealed partial class MirrorLink : BlockNode, IMirrorLink
{
    private readonly MirrorSession _session;
    private readonly IMirrorConnection _connection;
    private readonly RangeLock _ranges = new();
    private readonly Action _pump;

    // Taken before the window's lock and the range lock's.
    private readonly Lock _sync = new();
    private readonly LinkedList<Forward> _backlog = new(); // guarded by _sync; oldest first, some with pieces in flight already
    private readonly LinkedList<Forward> _waiting = new(); // guarded by _sync; oldest first
    private readonly LinkedList<Forward> _open = new(); // guarded by _sync; not wholly answered, oldest first
    private readonly List<AnswerBarrier> _barriers = []; // guarded by _sync
    private readonly List<ForwardedFlush> _flushes = []; // guarded by _sync; oldest first
    private readonly LinkedList<long> _askedAt = new(); // guarded by _sync; questions that are unanswered, oldest first
    private readonly Stack<Forward> _idleForwards = new(); // guarded by _sync
    private readonly Stack<ForwardPiece> _idlePieces = new(); // guarded by _sync
    private readonly List<ForwardPiece> _pieces = []; // guarded by _sync; every one that was made, for the tick
    private int _inFlight; // guarded by _sync
    private int _zeroingInFlight; // guarded by _sync
    private long _enqueued; // guarded by _sync; forwards so far
    private int _released; // guarded by _sync; unanswered forwards that were released
    private long _answers; // guarded by _sync; pieces of this disk that the peer has answered
    private long _spentAtAnswers = -1; // guarded by _sync; see IsPatienceSpent
    private volatile bool _failed; // written under _sync

    internal MirrorLink(MirrorSession session, string disk, IMirrorConnection connection)
        : base(
            $"{disk}.mirror", connection.Node.LengthBytes,
            new(Capability.Emulated, Capability.Native, Capability.Emulated, connection.Node.Capabilities.Status))
    {
        _session = session;
        _connection = connection;
        _pump = Pump;
        Disk = disk;
    }

    /// <summary>The disk's name.</summary>
    public string Disk { get; }

    public IForwardWindow Window => _session.Window;

    internal BlockNode Peer => _connection.Node;

    internal bool HasFailed => _failed;

    internal long Now => _session.Clock.Now;

    public ValueTask CopyAsync(long offsetBytes, ReadOnlyMemory<byte> data) =>
        Enqueue(new BlockRange(offsetBytes, data.Length), data, WriteFlags.None, waits: true, isCopy: true);

    public ValueTask CopyZeroesAsync(BlockRange range) => Enqueue(range, default, WriteFlags.None, waits: true, isCopy: true);

    public void Lose(BlockRange range, string reason) => _session.Lose(new MirrorLoss(MirrorLossCause.LocalFailed, reason, Disk, range));

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => Peer.ReadAsync(offsetBytes, buffer);

    protected override ValueTask<Extent> StatusCore(BlockRange range)
    {
        ValueTask<Extent> asked = Peer.StatusAsync(range);
        return asked.IsCompleted ? asked : AwaitAnswerAsync(asked);
    }

    /// <summary>A question that the session knows of: its watch finds out where nobody is there any more to answer it.</summary>
    private async ValueTask<Extent> AwaitAnswerAsync(ValueTask<Extent> asked)
    {
        LinkedListNode<long> question;
        lock (_sync)
            question = _askedAt.AddLast(_session.Clock.Now);
        try
        {
            return await asked;
        }
        finally
        {
            lock (_sync)
                _askedAt.Remove(question);
        }
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        Enqueue(new BlockRange(offsetBytes, data.Length), data, flags, _session.GuestWaits, isCopy: false);

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => Enqueue(range, default, flags, _session.GuestWaits, isCopy: false);

    private ValueTask Enqueue(BlockRange range, ReadOnlyMemory<byte> data, WriteFlags flags, bool waits, bool isCopy)
    {
        byte[]? payload = null;
        if (!data.IsEmpty)
        {
            payload = _session.Pool.Rent(data.Length);
            data.Span.CopyTo(payload);
        }

        if (!isCopy)
            _session.GuestForwards();

        ValueTask answer = default;
        lock (_sync)
        {
            if (!_failed)
            {
                Forward forward = _idleForwards.TryPop(out Forward? idle) ? idle : new Forward(this);
                forward.Begin(range, payload, flags, isCopy, _session.Clock.Now, _session.Replies);
                forward.Serial = _enqueued++;
                if (waits && !isCopy && (IsPatienceSpent || IsBehindReleased(range)))
                {
                    forward.IsReleased = true;
                    _released++;
                    waits = false;
                }

                _open.AddLast(forward.Open);
                if (waits)
                {
                    answer = forward.AddWaiter();
                    _waiting.AddLast(forward.Waiting);
                }

                _session.ForwardBegins(forward);
                _backlog.AddLast(forward.Queued);
                payload = null;
            }
            else
            {
                answer = ValueTask.FromException(Over(BlockOperation.Write, range));
            }
        }

        if (payload is not null)
            _session.Pool.Return(payload);
        Pump();
        return answer;
    }

    private void Pump()
    {
        while (TakePiece() is { } piece)
            piece.Start();
    }

    private ForwardPiece? TakePiece()
    {
        lock (_sync)
        {
            if (_failed || _inFlight == MirrorLimits.PiecesInFlight || NextForward() is not { } forward)
                return null;
            BlockRange range = forward.TakePiece();
            if (forward.AllTaken)
                _backlog.Remove(forward.Queued);
            _inFlight++;
            if (forward.IsZeroing)
                _zeroingInFlight++;
            _session.PieceBegins();
            if (!_idlePieces.TryPop(out ForwardPiece? piece))
                _pieces.Add(piece = new ForwardPiece(this));
            // Queued for its turn here, under the lock that gave it its place in the order.
            piece.Begin(forward, range, _ranges.AcquireAsync(range));
            return piece;
        }
    }

    // Under _sync. The oldest forward, unless it is a zeroing that has its share in flight: then writes pass it that touch nothing they would have to wait for.
    private Forward? NextForward()
    {
        int looked = 0;
        for (LinkedListNode<Forward>? node = _backlog.First; node is not null && looked < MirrorLimits.LookAhead; node = node.Next, looked++)
        {
            if ((!node.Value.IsZeroing || _zeroingInFlight < MirrorLimits.ZeroPiecesInFlight) && !OverlapsEarlier(node))
                return node.Value;
        }

        return null;
    }

    private static bool OverlapsEarlier(LinkedListNode<Forward> node)
    {
        for (LinkedListNode<Forward>? earlier = node.Previous; earlier is not null; earlier = earlier.Previous)
        {
            if (earlier.Value.Rest.Overlaps(node.Value.Rest))
                return true;
        }

        return false;
    }

    /// <summary>A piece is done: answered, or never sent (-1) because the session is over.</summary>
    internal void Complete(ForwardPiece piece, BlockException? failure, long sentAt)
    {
        Forward forward = piece.Forward;
        BlockRange range = piece.Range;
        bool sent = sentAt >= 0;
        bool answered = sent && failure?.Kind != BlockErrorKind.Shutdown;
        if (answered)
            _session.Answered(sentAt);
        _session.PieceEnds(answered);
        _ranges.Release(piece.Ticket);
        bool finished;
        bool settle = false;
        bool more;
        List<AnswerBarrier>? passed = null;
        lock (_sync)
        {
            if (answered)
                _answers++;
            _inFlight--;
            if (forward.IsZeroing)
                _zeroingInFlight--;
            forward.OpenPieces--;
            forward.Failure ??= failure;
            finished = forward.IsFinished;
            // In a session that is over the waiter is the session's to release.
            if (finished && forward.Failure is null && !_failed && forward.Waiting.List is not null)
            {
                _waiting.Remove(forward.Waiting);
                settle = true;
            }

            // A failure is the session's before it is a barrier's: who waited there looks whether the session lives.
            if (finished && forward.Failure is null)
                passed = CloseUnderLock(forward);
            _idlePieces.Push(piece);
            more = _backlog.Count > 0;
        }

        if (failure is not null)
            _session.Lose(LossOf(failure, range));
        if (finished && forward.Failure is not null)
            passed = Close(forward);
        Pass(passed);
        if (finished)
            End(forward);
        if (settle)
            forward.Settle(null);
        if (finished)
            forward.ReleaseReference();
        if (more)
            IoBatch.Post(_pump);
    }

    internal void Recycle(Forward forward)
    {
        lock (_sync)
        {
            if (_idleForwards.Count < MirrorLimits.PooledForwards)
                _idleForwards.Push(forward);
        }
    }

    // Every piece is answered, or none will be sent any more.
    private void End(Forward forward)
    {
        long payloadBytes = forward.PayloadBytes;
        if (forward.TakePayload() is { } payload)
            _session.Pool.Return(payload);
        _session.ForwardEnds(payloadBytes);
    }

    private MirrorLoss LossOf(BlockException failure, BlockRange range) => failure.Kind == BlockErrorKind.Shutdown
        ? new MirrorLoss(MirrorLossCause.ConnectionLost, failure.Message, Disk)
        : new MirrorLoss(MirrorLossCause.ForwardFailed, failure.Message, Disk, range, failure.Errno);

    private BlockException Over(BlockOperation operation, BlockRange range) =>
        Error(BlockErrorKind.Shutdown, operation, range, $"the mirror session is over: {_session.Loss?.Message}");
}
