using Replication.Block.Secondary;
using Replication.Nbd;

namespace Replication.Roles.Secondary;

/// <summary>
/// A mirror session on the secondary's side: one token, one export a disk. Ending it stops reading its connections and waits for what is in flight, so that
/// afterwards none of its bytes can land. A disk that hangs may keep some of it for ever: then the wait ends at
/// a limit, and no other session may begin before the rest has come back.
/// </summary>
internal sealed class SecondarySession
{
    private readonly TaskCompletionSource _ended = new(); // waiters go on where the last request ends, so that one thread can run everything
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

    /// <summary>
    /// Ends the session: nothing of it is let in from here on, on any of its exports. Waits for what is in
    /// flight, at most the limit; false where the disk still has some of it.
    /// </summary>
    public async Task<bool> EndAsync(string reason, TimeSpan limit, TimeProvider time)
    {
        if (Interlocked.Exchange(ref _ending, 1) == 0)
        {
            State.Revoke();
            // All of them at once: a hung disk must not keep the others' connections open.
            _ = EndExportsAsync(reason);
        }

        return await WaitForEndAsync(limit, time);
    }

    /// <summary>Waits for what an ended session has in flight; false where the limit comes first.</summary>
    public async Task<bool> WaitForEndAsync(TimeSpan limit, TimeProvider time)
    {
        if (_ended.Task.IsCompleted)
            return true;
        try
        {
            await _ended.Task.WaitAsync(limit, time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public bool IsEnding => Volatile.Read(ref _ending) != 0;

    private async Task EndExportsAsync(string reason)
    {
        await Task.WhenAll(Exports.Select(export => export.RevokeAsync(reason)));
        _ended.SetResult();
    }
}
