using Replication.Block;
using Replication.Roles.Mirror;

namespace Replication.Roles;

/// <summary>
/// What a role is given: its configuration, its records, and its ways to the outside, so that two roles can be put face to face in one process.
/// </summary>
internal sealed class RoleContext
{
    private readonly Lock _background = new();
    private int _running; // guarded by _background
    private TaskCompletionSource? _settled; // guarded by _background

    public required NodeOptions Options { get; init; }
    public required NodeState State { get; init; }
    public required INodeJournal Journal { get; init; }
    public required RoleLog Log { get; init; }
    public required TimeProvider Time { get; init; }

    /// <summary>A client for the node at this control address; cheap, and cached by whoever makes it.</summary>
    public required Func<string, IReplicationPeer> ConnectPeer { get; init; }

    /// <summary>The transport to the mirror listener at this address.</summary>
    public required Func<string, IMirrorTransport> ConnectMirror { get; init; }

    /// <summary>Puts a node in front of another, by the other's name: for tests.</summary>
    public Func<BlockNode, BlockNode> Decorate { get; init; } = node => node;

    /// <summary>Random ids: tokens and generations.</summary>
    public Func<Guid> NewId { get; init; } = Guid.NewGuid;

    /// <summary>Tells this run of the node from every other one.</summary>
    public required Guid Incarnation { get; init; }

    /// <summary>Randomness of waits, from 0 to 1.</summary>
    public Func<double> Random { get; init; } = System.Random.Shared.NextDouble;

    /// <summary>
    /// Runs role work that nobody waits for. A failure nobody expected ends the process: a role that has stopped acting on what happens must not go on serving.
    /// </summary>
    public void Run(string what, Func<Task> work)
    {
        lock (_background)
            _running++;
        _ = RunAsync(what, work);
    }

    /// <summary>Completes when no such work is under way: a node that closes its records must not have any left.</summary>
    public async Task SettledAsync()
    {
        TaskCompletionSource? settled = null;
        lock (_background)
        {
            if (_running > 0)
                settled = _settled ??= new TaskCompletionSource();
        }

        if (settled is not null)
            await settled.Task;
    }

    private async Task RunAsync(string what, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e)
        {
            Log.BackgroundFailed(what, e);
            ProcessEnd.FailFast($"{what}: {e.Message}", e);
        }

        TaskCompletionSource? settled = null;
        lock (_background)
        {
            if (--_running == 0)
            {
                settled = _settled;
                _settled = null;
            }
        }

        settled?.SetResult();
    }
}
