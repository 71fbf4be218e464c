using System.Net.Sockets;
using System.Reflection;
using Replication.Qmp;
using Replication.Roles.Jobs;

namespace Replication.Control.Qmp;

/// <summary>A node's QMP door: QEMU's commands over the jobs and bitmaps that every other door has too, and their events.</summary>
internal sealed class QmpDoor : IAsyncDisposable
{
    private readonly QmpServer _server;
    private readonly NodeJobs? _jobs;
    private readonly JobEvents? _events;
    private IDisposable? _listening;
    private bool _hasQuit; // a client has asked for the end: it has been told to all

    /// <param name="listener">The door's from now on.</param>
    /// <param name="jobs">Null: the node has none, and so no commands about them.</param>
    /// <param name="exports">What clients export; null: nothing.</param>
    /// <param name="log">Told of clients.</param>
    /// <param name="quit">A client asks the node to end. Must not block.</param>
    public QmpDoor(Socket listener, NodeJobs? jobs, QmpExports? exports, IQmpObserver log, Action quit)
    {
        var commands = new QmpCommands();
        _jobs = jobs;
        if (jobs is not null)
        {
            var table = new QmpTable(commands);
            JobVerbs.AddTo(table, jobs.Engine);
            BackupCommands.AddTo(table, jobs.Commands);
            BlockQueries.AddTo(table, jobs, exports?.Graph);
        }

        if (exports is not null)
        {
            NodeCommands.AddTo(new QmpTable(commands), exports.Graph);
            ExportCommands.AddTo(new QmpTable(commands), exports);
        }

        _server = new QmpServer(listener, commands, new QmpServerOptions { Package = Package, Quit = Quit, Observer = log });
        if (exports is not null)
            exports.Tell = _server.Publish;
        _events = jobs is null ? null : new JobEvents(_server.Publish);

        void Quit()
        {
            Volatile.Write(ref _hasQuit, true);
            quit();
        }
    }

    private static string Package =>
        $"replication {typeof(QmpDoor).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}";

    public void Start()
    {
        _listening = _events is null ? null : _jobs!.Observers.Add(_events);
        _server.Start();
    }

    public async ValueTask DisposeAsync()
    {
        if (!Volatile.Read(ref _hasQuit))
            _server.Publish(QmpEvent.Shutdown("host-signal"));
        await _server.DisposeAsync();
        _listening?.Dispose();
    }
}
