using System.Diagnostics.CodeAnalysis;
using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

/// <summary>
/// A connection to a server: this part is its life and its death, the other parts are its requests and its receive loop.
/// </summary>
/// <remarks>
/// Any thread submits requests: they are encoded into the send queue and go out with one call at the end of the submitter's batch, without ever blocking it.
/// One thread of the connection receives replies, completes all that one receive brought inside one batch, and goes on with sending when the socket was full.
/// <see cref="Break"/> is the only way the connection dies; the first reason wins. Its order matters: the socket is shut down first (no byte of a caller's
/// buffer can be sent after that), then the observers learn of it, then the requests in flight fail, and new ones only from then on. So whoever sees a failed
/// request has been told before. A buffer that is just being received into is left to the receiving thread, which fails its request a moment later.
/// Nothing is ever resent.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "The connection's thread disposes the socket when it ends.")]
internal sealed partial class ClientConnection : IBatchSink
{
    private readonly string _name;
    private readonly ClientSession _session;
    private readonly StreamSocket _socket;
    private readonly ChunkPool _pool;
    private readonly SendQueue _queue;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Action<Exception>> _observers = []; // Guarded by _queue.Sync, as all that follows.
    private Exception? _reason; // Written once; also read without the lock.
    private bool _isDead; // Requests fail at once; after the observers were told.

    public ClientConnection(string name, ClientSession session, StreamSocket socket, ChunkPool pool)
    {
        (_name, _session, _socket, _pool) = (name, session, socket, pool);
        _queue = new SendQueue(pool);
        Node = new NbdClientNode(name, session, this);
    }

    public NbdClientNode Node { get; }

    public Exception? Reason => Volatile.Read(ref _reason);

    /// <summary>The connection's thread has ended, and with it everything that was open.</summary>
    public Task Ended => _ended.Task;

    public void OnClosed(Action<Exception> observer)
    {
        lock (_queue.Sync)
        {
            if (_reason is null)
            {
                _observers.Add(observer);
                return;
            }
        }

        observer(_reason);
    }

    /// <summary>Ends the connection with that reason, unless it has one already. Never waits.</summary>
    public void Break(Exception reason)
    {
        Action<Exception>[] observers;
        lock (_queue.Sync)
        {
            if (_reason is not null)
                return;
            Volatile.Write(ref _reason, reason);
            observers = [.. _observers];
        }

        _socket.Shutdown();
        _queue.Close();
        _socket.Wake();
        using (IoBatch.Enter())
        {
            foreach (Action<Exception> observer in observers)
                observer(reason);
            FailAll();
        }
    }

    /// <summary>Says goodbye, as far as the socket takes it, and ends the connection.</summary>
    public void Close(Exception reason)
    {
        lock (_queue.Sync)
        {
            if (_reason is null)
            {
                new RequestHeader(CommandFlags.None, Command.Disconnect, 0, 0, 0).Write(_queue.Reserve(WireSize.Request));
                _queue.CommitReserved(WireSize.Request);
            }
        }

        _ = _queue.Send(_socket);
        Break(reason);
    }

    private void FailAll()
    {
        List<RequestSlot> failed = [];
        lock (_queue.Sync)
        {
            _isDead = true;
            foreach (RequestSlot slot in _slots)
            {
                if (slot.State is SlotState.OnWire or SlotState.Waiting)
                {
                    slot.State = SlotState.Done;
                    failed.Add(slot);
                }
            }

            _waiting.Clear();
            _onWire = 0;
        }

        foreach (RequestSlot slot in failed)
            slot.Fail(Death(slot.Header));
    }

    private BlockException Death(in RequestHeader header) => Death(Operation(header.Command), Range(header));

    private BlockException Death(BlockOperation operation, BlockRange range) =>
        new(BlockErrorKind.Shutdown, _name, operation, range, $"the connection is closed: {_reason!.Message}", inner: _reason);
}
