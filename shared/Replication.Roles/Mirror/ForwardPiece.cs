using System.Runtime.CompilerServices;
using Replication.Block;
using Replication.Block.Locks;

namespace Replication.Roles.Mirror;

/// <summary>One request on the wire: waits until what it overlaps has been answered, is sent, and is answered. Never sent twice.</summary>
/// <remarks>Pooled by its link; driven by awaiters and two cached delegates, so that a request allocates nothing. One thread at a time has it.</remarks>
internal sealed class ForwardPiece
{
    private readonly MirrorLink _link;
    private readonly Action _granted;
    private readonly Action _answered;
    private ValueTaskAwaiter<RangeLock.Ticket> _turn;
    private ValueTaskAwaiter _reply;
    private long _sentAt = -1;

    public ForwardPiece(MirrorLink link)
    {
        _link = link;
        _granted = Send;
        _answered = Finish;
    }

    public Forward Forward { get; private set; } = null!;

    public BlockRange Range { get; private set; }

    /// <summary>The session's time when it went out; -1 while it is not on the wire. Written by who has it, read by the tick.</summary>
    public long SentAt => Volatile.Read(ref _sentAt);

    /// <summary>Its turn among the requests that it overlaps; released by the link.</summary>
    public RangeLock.Ticket Ticket { get; private set; }

    public void Begin(Forward forward, BlockRange range, ValueTask<RangeLock.Ticket> turn)
    {
        Forward = forward;
        Range = range;
        _turn = turn.GetAwaiter();
    }

    public void Start()
    {
        if (_turn.IsCompleted)
            Send();
        else
            _turn.UnsafeOnCompleted(_granted);
    }

    private void Send()
    {
        Ticket = _turn.GetResult();
        if (_link.HasFailed)
        {
            _link.Complete(this, null, sentAt: -1);
            return;
        }

        Volatile.Write(ref _sentAt, _link.Now);
        BlockNode peer = _link.Peer;
        byte[]? payload = Forward.Payload;
        ValueTask reply = payload is null
            ? peer.WriteZeroesAsync(Range, Forward.Flags)
            : peer.WriteAsync(Range.OffsetBytes, payload.AsMemory((int)(Range.OffsetBytes - Forward.Range.OffsetBytes), (int)Range.LengthBytes));
        _reply = reply.GetAwaiter();
        if (_reply.IsCompleted)
            Finish();
        else
            _reply.UnsafeOnCompleted(_answered);
    }

    private void Finish()
    {
        BlockException? failure = null;
        try
        {
            _reply.GetResult();
        }
        catch (BlockException e)
        {
            failure = e;
        }

        long sentAt = _sentAt;
        Volatile.Write(ref _sentAt, -1);
        _link.Complete(this, failure, sentAt);
    }
}
