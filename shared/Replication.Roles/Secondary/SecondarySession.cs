using Replication.Block.Secondary;
using Replication.Nbd;

namespace Replication.Roles.Secondary;

/// <summary>
/// A mirror session on the secondary's side: one token, one export a disk. Ending it stops reading its connections and waits for what is in flight, so that
/// afterwards none of its bytes can land.
/// </summary>
internal sealed class SecondarySession
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _ending; // 0 or 1; Interlocked

    public SecondarySession(MirrorSessionState state, IReadOnlyList<NbdExport> exports)
    {
        State = state;
        Exports = exports;
    }

    public MirrorSessionState State { get; }

    public IReadOnlyList<NbdExport> Exports { get; }

    public Guid Token => State.Token;

    /// <summary>Every byte of the sync has been answered: a commit may make this session's disk the view.</summary>
    public bool Synced { get; set; } // guarded by the role's verbs

    /// <summary>A checkpoint has been committed in this session.</summary>
    public bool HasCommitted { get; set; } // guarded by the role's verbs

    /// <summary>Ends the session; the first caller's reason wins, everybody waits for the end.</summary>
    public async Task EndAsync(string reason)
    {
        if (Interlocked.Exchange(ref _ending, 1) != 0)
        {
            await _ended.Task;
            return;
        }

        State.Revoke();
        foreach (NbdExport export in Exports)
            await export.RevokeAsync(reason);
        _ended.SetResult();
    }

    public bool IsEnding => Volatile.Read(ref _ending) != 0;
}
