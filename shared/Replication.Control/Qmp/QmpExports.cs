using Replication.Control.Hosting;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Graph;
using Replication.Nbd;
using Replication.Qmp;
using Replication.Roles.Jobs;

namespace Replication.Control.Qmp;

/// <summary>The NBD server that scripts start, and what they show with it: disks as their guests see them, nodes, moments of disks. Concurrent.</summary>
/// <param name="jobs">Whose bitmaps can be shown.</param>
/// <param name="targets">Knows the nodes, and which server is our own.</param>
/// <param name="guests">The disks.</param>
/// <param name="allowsInsecure">The server may be reached from other machines.</param>
/// <param name="trouble">Told of clients that went in trouble.</param>
internal sealed class QmpExports(NodeJobs jobs, BackupTargets targets, INbdExportCatalog guests, bool allowsInsecure, Action<string> trouble)
    : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1); // one verb at a time
    private readonly NbdExportTable _table = new();
    private readonly Lock _sync = new();
    private readonly List<Shown> _shown = []; // guarded by _sync
    private NbdServer? _server; // in turn

    public BlockGraph Graph => targets.Graph;

    /// <summary>Told when an export is gone.</summary>
    public Action<QmpEvent> Tell { get; set; } = _ => { };

    public IReadOnlyList<ExportRequest> Query()
    {
        lock (_sync)
            return [.. _shown.Select(shown => shown.Request)];
    }

    /// <param name="address">Where it listens.</param>
    /// <param name="maxConnections">0: as many as any server of ours takes.</param>
    /// <param name="cancellationToken">Ends the wait for other verbs.</param>
    /// <exception cref="QmpException">As with every verb: it cannot be.</exception>
    public Task StartAsync(NbdAddress address, long maxConnections, CancellationToken cancellationToken) => InTurnAsync(
        () =>
        {
            if (_server is not null)
                throw new QmpException($"an NBD server runs already, at {targets.ScriptsServer}; stop it first");
            if (!address.IsLoopback && !allowsInsecure)
                throw new QmpException($"{address} is outside loopback, without TLS: that needs \"AllowInsecure\": true in the section Guest");
            var options = new NbdServerOptions { Trouble = trouble };
            if (maxConnections > 0)
                options = options with { MaxConnections = (int)Math.Min(maxConnections, int.MaxValue) };
            NbdListener listener;
            try
            {
                listener = new NbdListener(address);
            }
            catch (NbdListenException e)
            {
                throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
            }

            _server = new NbdServer([listener], _table, options);
            targets.ScriptsServer = listener.LocalAddress;
            _server.Start();
            return Task.CompletedTask;
        }, cancellationToken);

    public Task AddAsync(ExportRequest request, CancellationToken cancellationToken) => InTurnAsync(
        async () =>
        {
            RequireServer();
            if (Find(request.Id) is not null)
                throw new QmpException($"there is an export '{request.Id}' already; remove it, or give the new one another id");
            var shown = new Shown(request);
            try
            {
                _table.Add(shown.Export = await ExportOfAsync(shown, cancellationToken));
                lock (_sync)
                    _shown.Add(shown);
            }
            catch
            {
                await shown.GiveBackAsync();
                throw;
            }
        }, cancellationToken);

    public Task RemoveAsync(string id, NbdRemoveMode mode, CancellationToken cancellationToken) => InTurnAsync(
        async () =>
        {
            Shown shown = Find(id) ?? throw new QmpException($"there is no export '{id}'");
            await _table.RemoveAsync(shown.Request.Name, mode);
            await ForgetAsync(shown);
        }, cancellationToken);

    /// <summary>As a verb: refused where no server runs.</summary>
    public Task StopRunningAsync(CancellationToken cancellationToken) => InTurnAsync(
        () =>
        {
            RequireServer();
            return StopServerAsync(drain: false);
        }, cancellationToken);

    /// <summary>At the node's end: clients get their answers first.</summary>
    public async ValueTask DisposeAsync()
    {
        await InTurnAsync(() => StopServerAsync(drain: true), CancellationToken.None);
        _turn.Dispose();
    }

    private async Task StopServerAsync(bool drain)
    {
        if (_server is not { } server)
            return;
        (_server, targets.ScriptsServer) = (null, null);
        await server.StopAsync(drain);
        await _table.ClearAsync("the NBD server was stopped");
        Shown[] left;
        lock (_sync)
            left = [.. _shown];
        foreach (Shown shown in left)
            await ForgetAsync(shown);
    }

    private async Task<NbdExport> ExportOfAsync(Shown shown, CancellationToken cancellationToken)
    {
        ExportRequest request = shown.Request;
        // Other exports of the guests' server come and go by verbs of their own.
        NbdExport? guest = jobs.Disks.Any(disk => disk.Name == request.Node) ? guests.Find(request.Node) : null;
        if (guest is null)
            shown.Reader = await Graph.OpenReaderAsync(request.Node, request.IsWritable, cancellationToken);
        List<INbdMetaContext> contexts = [];
        if (request.ShowsDepth)
            contexts.Add(shown.Reader?.Depth ?? AllocationDepthContext.OfOneLayer);
        foreach ((string? disk, string name) in request.Bitmaps)
        {
            BitmapHold hold = await jobs.Commands.HoldBitmapAsync(disk ?? shown.Reader?.Disk ?? request.Node, name);
            shown.Bitmaps.Add(hold);
            if (hold.IsRecording && !request.IsWritable)
                throw new QmpException($"bitmap '{name}' records, and what it marks would not belong to a read-only export: disable it first");
            contexts.Add(new DirtyBitmapContext(name, hold.Bits, hold.GranularityBytes));
        }

        try
        {
            return new NbdExport(request.Name, guest?.Node ?? shown.Reader!.Node)
            {
                Description = request.Description,
                ReadOnly = !request.IsWritable,
                TakesTrim = shown.Reader?.Disk is not null,
                Contexts = contexts,
            };
        }
        catch (ArgumentException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }

    private async Task ForgetAsync(Shown shown)
    {
        lock (_sync)
            _shown.Remove(shown);
        await shown.GiveBackAsync();
        Tell(QmpEvent.BlockExportDeleted(shown.Request.Id));
    }

    private Shown? Find(string id)
    {
        lock (_sync)
            return _shown.Find(shown => shown.Request.Id == id);
    }

    private void RequireServer()
    {
        if (_server is null)
            throw new QmpException("no NBD server runs; nbd-server-start starts it");
    }

    private async Task InTurnAsync(Func<Task> act, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await act();
        }
        finally
        {
            _turn.Release();
        }
    }

    private sealed class Shown(ExportRequest request)
    {
        public ExportRequest Request => request;

        public NbdExport? Export { get; set; }

        public GraphReader? Reader { get; set; }

        public List<BitmapHold> Bitmaps { get; } = [];

        public async ValueTask GiveBackAsync()
        {
            foreach (BitmapHold bitmap in Bitmaps)
                bitmap.Dispose();
            if (Reader is not null)
                await Reader.DisposeAsync();
        }
    }
}
