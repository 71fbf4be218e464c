using Replication.Block;
using Replication.Nbd;
using Replication.Roles.Mirror;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Network;

/// <summary>
/// A connection to a mirror export, both ends of it, with NBD's rules: many requests in flight, answered in any order; requests arrive in the order in which
/// they were sent. What has been sent when the client gives up, or dies, may still arrive.
/// </summary>
internal sealed class MirrorConnection : BlockNode, IMirrorConnection, IExportUser
{
    private static readonly NodeCapabilities s_capabilities = NodeCapabilities.AllNative;

    private readonly SimulatedProcess _client;
    private readonly SimulatedProcess _server;
    private readonly NbdExport _export;
    private readonly NbdConnectionInfo _info;
    private readonly Channel _toServer;
    private readonly Channel _toClient;
    private readonly Dictionary<long, PendingRequest> _pending = [];
    private readonly List<Action<string>> _lost = [];
    private readonly TaskCompletionSource _completion = new();
    private string? _clientReason;
    private long _lastRequest;

    // The server's side.
    private bool _reads = true;
    private int _inFlight;
    private bool _detached;

    private MirrorConnection(SimulatedProcess client, SimulatedProcess server, NbdExport export, Wire toServer, Wire toClient)
        : base(export.Name, export.Node.LengthBytes, s_capabilities)
    {
        (_client, _server, _export) = (client, server, export);
        Scheduler scheduler = client.Scheduler;
        _toServer = new Channel(scheduler, toServer, server);
        _toClient = new Channel(scheduler, toClient, client);
        _info = new NbdConnectionInfo(client.Id, client.Name);
    }

    public BlockNode Node => this;

    Task IExportUser.Completion => _completion.Task;

    private Scheduler Scheduler => _client.Scheduler;

    /// <summary>Called in the server's process; null: refused.</summary>
    public static MirrorConnection? Accept(SimulatedProcess client, SimulatedProcess server, NbdExport export, Wire toServer, Wire toClient)
    {
        var connection = new MirrorConnection(client, server, export, toServer, toClient);
        if (export.TryAttach(connection) is not null)
            return null;
        export.RaiseOpened(connection._info);
        client.AtEnd(connection.ClientGone);
        server.AtEnd(connection.ServerGone);
        return connection;
    }

    public void OnLost(Action<string> callback)
    {
        if (_clientReason is { } reason)
            callback(reason);
        else
            _lost.Add(callback);
    }

    public void Abort(string reason)
    {
        if (_clientReason is not null)
            return;
        Lose(reason);
        _toServer.EndAfterSome(Scheduler.Random, () => StopReading(new NbdCloseReason(NbdCloseKind.Lost, "the client hung up")));
    }

    public override ValueTask DisposeAsync()
    {
        Abort("closed by this side");
        return base.DisposeAsync();
    }

    /// <summary>The connection breaks for both ends, as by a reset.</summary>
    public void Break()
    {
        Scheduler.Schedule(_client, 0, () => Lose("connection reset"));
        _toServer.EndAfterSome(Scheduler.Random, () => StopReading(new NbdCloseReason(NbdCloseKind.Lost, "connection reset")));
    }

    /// <summary>Nothing goes to the server any more, which sees the end of it; its replies still arrive.</summary>
    public void HalfClose() => _toServer.EndAfterSome(Scheduler.Random, () => StopReading(new NbdCloseReason(NbdCloseKind.Lost, "the client sends no more")));

    void IExportUser.Revoke(NbdCloseReason reason) => StopReading(reason);

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        byte[] content = new byte[buffer.Length];
        return Send(
            BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length), node => node.ReadAsync(offsetBytes, content), () => content.CopyTo(buffer));
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        byte[] copy = data.ToArray();
        return Send(BlockOperation.Write, new BlockRange(offsetBytes, data.Length), node => node.WriteAsync(offsetBytes, copy, flags));
    }

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) =>
        Send(BlockOperation.WriteZeroes, range, node => node.WriteZeroesAsync(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) =>
        Send(BlockOperation.Discard, range, node => node.DiscardAsync(range, flags));

    protected override ValueTask FlushCore() => Send(BlockOperation.Flush, default, node => node.FlushAsync());

    protected override async ValueTask<Extent> StatusCore(BlockRange range)
    {
        Extent extent = default;
        await Send(BlockOperation.Status, range, async node => extent = await node.StatusAsync(range));
        return extent;
    }

    private ValueTask Send(BlockOperation operation, BlockRange range, Func<BlockNode, ValueTask> serve, Action? received = null)
    {
        Scheduler.CheckThread();
        if (_clientReason is { } reason)
            return ValueTask.FromException(Error(BlockErrorKind.Shutdown, operation, range, reason));
        long id = ++_lastRequest;
        var request = new PendingRequest(operation, range, received);
        _pending.Add(id, request);
        _toServer.Send(() =>
        {
            // NBD gives no order between requests in flight: the server may take up a later one first.
            if (Scheduler.Random.Next(3) == 0)
                Scheduler.Schedule(_server, Scheduler.Random.NextInt64(20_000), () => _ = ServeAsync(id, serve));
            else
                _ = ServeAsync(id, serve);
        });
        return new ValueTask(request.Done.Task);
    }

    private async Task ServeAsync(long id, Func<BlockNode, ValueTask> serve)
    {
        if (!_reads)
            return;
        _inFlight++;
        BlockException? failure = null;
        try
        {
            await serve(_export.Node);
        }
        catch (BlockException e)
        {
            failure = e;
        }

        _inFlight--;
        _toClient.Send(() => Answered(id, failure));
        DetachWhenQuiet();
    }

    private void Answered(long id, BlockException? failure)
    {
        if (!_pending.Remove(id, out PendingRequest? request))
            return;
        if (failure is null)
        {
            request.Received?.Invoke();
            request.Done.SetResult();
        }
        else
        {
            // The wire carries an error number, and nothing else.
            BlockErrorKind kind =
                failure.Errno switch { Errno.ENOSPC => BlockErrorKind.NoSpace, Errno.ESHUTDOWN => BlockErrorKind.Shutdown, _ => BlockErrorKind.Io };
            request.Done.SetException(Error(kind, request.Operation, request.Range, $"the server says: {failure.Message}", failure.Errno));
        }
    }

    private void Lose(string reason)
    {
        if (_clientReason is not null)
            return;
        _clientReason = reason;
        _toClient.Close();
        foreach (Action<string> callback in _lost)
            callback(reason);
        PendingRequest[] failed = [.. _pending.Values];
        _pending.Clear();
        foreach (PendingRequest request in failed)
            Scheduler.Post(_client, () => request.Done.SetException(Error(BlockErrorKind.Shutdown, request.Operation, request.Range, reason)));
    }

    private void StopReading(NbdCloseReason reason)
    {
        if (!_reads)
            return;
        _reads = false;
        Scheduler.Post(_server, () => _export.RaiseClosed(_info, reason));
        // The server's thread leaves its loop, then waits for what is in flight.
        Scheduler.Post(_server, DetachWhenQuiet);
        _toClient.Send(() => Lose($"the server has ended the connection: {reason.Message}"));
    }

    private void DetachWhenQuiet()
    {
        if (_reads || _inFlight > 0 || _detached)
            return;
        _detached = true;
        _export.Detach(this);
        _completion.SetResult();
    }

    private void ClientGone() => _toServer.EndAfterSome(Scheduler.Random, () => StopReading(new NbdCloseReason(NbdCloseKind.Lost, "the client is gone")));

    private void ServerGone() => _toClient.EndAfterSome(Scheduler.Random, () => Lose("the server is gone"));

    private sealed record PendingRequest(BlockOperation Operation, BlockRange Range, Action? Received)
    {
        public TaskCompletionSource Done { get; } = new();
    }
}
