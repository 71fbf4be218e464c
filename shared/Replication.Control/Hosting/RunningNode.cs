using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Replication.Block;
using Replication.Block.Faults;
using Replication.Block.State;
using Replication.Control.Journal;
using Replication.Control.Options;
using Replication.Control.Peer;
using Replication.Control.Qmp;
using Replication.Jobs.Targets;
using Replication.Nbd;
using Replication.Roles;
using Replication.Roles.Mirror;

namespace Replication.Control.Hosting;

/// <summary>
/// A node from its validated options to its last byte flushed.
/// </summary>
/// <remarks>
/// Start: everything that can be refused comes before anything that changes the disk (sockets, disks and their locks, then directories, journal, state). Each
/// step leaves its undoing on a stack; a failure undoes what was done, and a directory that this start made goes again.
/// End, in this order: guests are drained while the mirror and the control endpoints still work (a guest must not be served by a node that its peer cannot ask
/// to hold), then the mirror, the control endpoints, the node with its disks, the journal. Before all of them goes the QMP door: scripts start nothing new.
/// </remarks>
internal sealed class RunningNode : IAsyncDisposable
{
    /// <summary>Longer than the servers' own grace: what is still in flight then waits for something that only the node's end will bring.</summary>
    private static readonly TimeSpan s_drainPatience = TimeSpan.FromSeconds(6);

    private readonly HostOptions _options;
    private readonly HostSurroundings _around;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _log;
    private readonly Stack<Func<ValueTask>> _undo = new();
    private readonly TaskCompletionSource _quit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private RunningNode(HostOptions options, HostSurroundings around, ILoggerFactory loggers)
    {
        (_options, _around, _loggers) = (options, around, loggers);
        _log = loggers.CreateLogger("Replication.Host");
    }

    /// <summary>The line that says where the node serves.</summary>
    public string ReadyLine { get; private set; } = "";

    /// <summary>Completes when a script has asked the node to end.</summary>
    public Task QuitRequested => _quit.Task;

    /// <exception cref="ConfigurationException">Refused; nothing was changed on disk.</exception>
    public static async Task<RunningNode> StartAsync(HostOptions options, HostSurroundings around, ILoggerFactory loggers)
    {
        var node = new RunningNode(options, around, loggers);
        try
        {
            await node.StartAsync();
            return node;
        }
        catch
        {
            await node.UndoStartAsync();
            throw;
        }
    }

    /// <summary>Every step is undone, also behind one that fails; the first failure is told.</summary>
    public async ValueTask DisposeAsync()
    {
        ExceptionDispatchInfo? first = null;
        while (_undo.TryPop(out Func<ValueTask>? undo))
        {
            try
            {
                await undo();
            }
            catch (Exception e)
            {
                first ??= ExceptionDispatchInfo.Capture(e);
            }
        }

        first?.Throw();
    }

    /// <summary>What made the start fail is told, not what came of it.</summary>
    private async Task UndoStartAsync()
    {
        try
        {
            await DisposeAsync();
        }
        catch (Exception e)
        {
            HostLog.UndoFailed(_log, e);
        }
    }

    private async Task StartAsync()
    {
        FaultInjector? faults = Faults();
        RequireForRole();
        Listeners listeners = Later(Listeners.Bind(_options));
        BlockingWorkers workers = Later(new BlockingWorkers());
        // Of their own: a target that is slow, or hangs, keeps no guest's flush waiting for a thread.
        BlockingWorkers targetWorkers = Later(new BlockingWorkers());
        DiskSet disks = LaterAsync(await DiskSet.OpenAsync(_options, workers));
        NodeDirectories directories = Later(MakeDirectories());
        NodeJournal journal = Later(OpenJournal());
        PeerConnections peers = Later(new PeerConnections());
        var targets = new BackupTargets(_options, listeners, targetWorkers);
        IHostedNode node = LaterAsync(await OpenNodeAsync(new NodeServices
        {
            Journal = journal,
            Log = new RoleLogger(_loggers.CreateLogger("Replication.Node")),
            Workers = workers,
            TargetWorkers = targetWorkers,
            ConnectPeer = peers.Connect,
            ConnectMirror = address => new NbdMirrorTransport(NbdAddress.Parse(address)),
            OpenDisk = disks.Take,
            OpenTarget = targets.OpenAsync,
            CheckTarget = targets.CheckAsync,
            CompleteSeal = seal => BackupTarget.Complete(seal, targetWorkers),
            Decorate = faults is null ? node => node : faults.Decorate,
        }, listeners));
        if (node.Role == NodeRole.Secondary && _options.MissingForSecondary is { } missing)
            throw missing;
        if (node.Jobs is { } jobs)
            targets.Disks = () => jobs.Disks.Select(disk => disk.Name);
        directories.Keep();
        await ServeAsync(node, journal, listeners, targets);
    }

    private async Task ServeAsync(IHostedNode node, NodeJournal journal, Listeners listeners, BackupTargets targets)
    {
        // Clients may wait in the backlog already: nobody is served before the node holds what it must not answer (invariant Fence).
        node.Begin();
        LaterAsync(await ControlServer.StartAsync(listeners, node, journal.Events, journal.Errors, _loggers));
        // The mirror's server is stopped after the guests': popped from the stack, it comes second.
        foreach ((List<NbdListener> sockets, INbdExportCatalog exports, string what) in
            new[] { (listeners.Mirror, node.MirrorExports, "mirror requests"), (listeners.Guest, node.GuestExports, "guest requests") })
        {
            var server = new NbdServer(sockets, exports, new NbdServerOptions { Trouble = trouble => HostLog.NbdTrouble(_log, trouble) });
            server.Start();
            _undo.Push(() => DrainAsync(server.StopAsync, what));
        }

        QmpExports? shown = node.Jobs is null || listeners.Qmp is null ? null : new QmpExports(
            node.Jobs, targets, node.GuestExports, _options.AllowInsecureGuests, trouble => HostLog.NbdTrouble(_log, trouble));
        if (shown is not null)
            _undo.Push(() => DrainAsync(_ => shown.DisposeAsync().AsTask(), "requests to what scripts have exported"));
        _undo.Push(() =>
        {
            node.RefuseHeldRequests();
            return default;
        });
        if (listeners.Qmp is { } qmp)
        {
            QmpDoor door = LaterAsync(new QmpDoor(qmp.Socket, node.Jobs, shown, new QmpLog(_loggers.CreateLogger("Replication.Qmp")), _quit.SetResult));
            door.Start();
        }

        ReadyLine = Hosting.ReadyLine.Format(node.Role, listeners);
        HostLog.Serving(_log, _options.Node.Group, Hosting.ReadyLine.NameOf(node.Role), ReadyLine);
    }

    private FaultInjector? Faults()
    {
        IReadOnlyList<string> rules = _options.Node.Faults ?? [];
        for (int i = 0; i < rules.Count; i++)
        {
            try
            {
                FaultRule.Parse(rules[i]);
            }
            catch (FormatException e)
            {
                throw new ConfigurationException(_options.NameOf($"Faults:{i}"), e.Message, e);
            }
        }

        return rules.Count == 0 ? null : FaultInjector.Parse(rules, TimeProvider.System);
    }

    /// <summary>In an empty state directory the role is the binary's; a recorded role is known only once the state is open.</summary>
    private void RequireForRole()
    {
        if (_options.Node.InitialRole == NodeRole.Secondary && _options.MissingForSecondary is { } missing
            && !File.Exists(Path.Combine(_options.Node.StateDirectory, Manifest.FileName)))
        {
            throw missing;
        }
    }

    private NodeDirectories MakeDirectories()
    {
        var directories = new NodeDirectories();
        try
        {
            directories.Make(_options.NameOf("StateDirectory"), _options.Node.StateDirectory);
            directories.Make(_options.NameOf("StateDirectory"), NodeJournal.DirectoryOf(_options.Node.StateDirectory));
            if (_options.Node.Overlay is { } overlay)
                directories.Make(_options.NameOf("Overlay:Directory"), overlay.Directory);
            if (_options.Node.Overlay?.SpillDirectory is { } spill)
                directories.Make(_options.NameOf("Overlay:Spill"), spill);
            return directories;
        }
        catch
        {
            directories.Dispose();
            throw;
        }
    }

    private NodeJournal OpenJournal()
    {
        try
        {
            return NodeJournal.Open(
                _options.Node.StateDirectory, BootId.Read().ToString("N"), TimeProvider.System, trouble => HostLog.JournalTrouble(_log, trouble));
        }
        catch (IOException e)
        {
            throw new ConfigurationException(_options.NameOf("StateDirectory"), e.Message, e);
        }
    }

    private async Task<IHostedNode> OpenNodeAsync(NodeServices services, Listeners listeners)
    {
        _options.Node.OwnControl = listeners.Control[0].Address.ToString();
        try
        {
            return await _around.OpenNode(_options.Node, services);
        }
        catch (StateException e) when (e.Place == StatePlace.OverlayNotConfigured && _options.MissingForSecondary is { } missing)
        {
            throw missing;
        }
        catch (IOException e)
        {
            throw new ConfigurationException(_options.NameOf(KeyOf((e as StateException)?.Place ?? StatePlace.StateDirectory)), e.Message, e);
        }
        catch (VerbException e) when (e.Failure == VerbFailure.Invalid)
        {
            throw new ConfigurationException(_options.NameOf("StateDirectory"), e.Message, e);
        }
    }

    private static string KeyOf(StatePlace place) => place switch
    {
        StatePlace.SpillDirectory => "Overlay:Spill",
        StatePlace.OverlayDirectory or StatePlace.OverlayNotConfigured => "Overlay:Directory",
        _ => "StateDirectory",
    };

    private async ValueTask DrainAsync(Func<bool, Task> stopAsync, string what)
    {
        Task stopped = stopAsync(true);
        try
        {
            await stopped.WaitAsync(s_drainPatience);
        }
        catch (TimeoutException)
        {
            HostLog.NotDrained(_log, what);
        }
    }

    private T Later<T>(T resource)
        where T : IDisposable
    {
        _undo.Push(() =>
        {
            resource.Dispose();
            return default;
        });
        return resource;
    }

    private T LaterAsync<T>(T resource)
        where T : IAsyncDisposable
    {
        _undo.Push(resource.DisposeAsync);
        return resource;
    }
}
