using System.Runtime.CompilerServices;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>A request that the block node completes later: what its reply needs. Pooled by its connection, so that waiting costs no allocation.</summary>
internal sealed class PendingRequest
{
    private readonly ServerConnection _connection;
    private readonly Action _continuation;
    private ValueTask _task;
    private ValueTask<ReadOnlyMemory<byte>> _statusTask;

    public PendingRequest(ServerConnection connection)
    {
        _connection = connection;
        _continuation = () => _connection.Complete(this);
    }

    public RequestHeader Header { get; private set; }

    /// <summary>The memory that the node works on, with a reference of this request: a write's data, or a read's reply. Null where there is none.</summary>
    public Chunk? Chunk { get; private set; }

    /// <summary>A read's reply begins here in <see cref="Chunk"/>.</summary>
    public int ReplyStart { get; private set; }

    public void Begin(in RequestHeader header, ValueTask task, Chunk? chunk, int replyStart)
    {
        (Header, _task, Chunk, ReplyStart) = (header, task, chunk, replyStart);
        ValueTaskAwaiter awaiter = _task.GetAwaiter();
        awaiter.UnsafeOnCompleted(_continuation);
    }

    public void BeginStatus(in RequestHeader header, ValueTask<ReadOnlyMemory<byte>> task)
    {
        (Header, _statusTask) = (header, task);
        ValueTaskAwaiter<ReadOnlyMemory<byte>> awaiter = _statusTask.GetAwaiter();
        awaiter.UnsafeOnCompleted(_continuation);
    }

    /// <summary>The whole reply of a block status, else empty; throws what the node threw. Once.</summary>
    public ReadOnlyMemory<byte> Result()
    {
        if (Header.Command == Command.BlockStatus)
            return _statusTask.GetAwaiter().GetResult();
        _task.GetAwaiter().GetResult();
        return default;
    }

    /// <summary>Forgets everything, before it goes back to the pool.</summary>
    public void Clear() => (_task, _statusTask, Chunk) = (default, default, null);
}
