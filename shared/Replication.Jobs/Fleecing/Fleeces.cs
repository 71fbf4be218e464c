using Replication.Jobs.Commands;
using Replication.Nbd;

namespace Replication.Jobs.Fleecing;

/// <summary>A node's fleecing exports: opened by a verb, closed by a verb, by the end of their leases, or with their jobs. Concurrent.</summary>
/// <remarks>
/// <para>Each is a job, <c>sync=none</c>, and an export above its point in time. The job decides: whatever ends it withdraws the export first, then the guest
/// asks no more, the target is closed and the bitmap given back. A point in time that is lost fails its job at once, and nothing is held any more; its export
/// stays for who wants to know why, until it is closed or its lease ends.</para>
/// <para>A name is free again when its export is closed and its job has left the list.</para>
/// </remarks>
public sealed partial class Fleeces : IAsyncDisposable
{
    private readonly Lock _sync = new();
    private readonly List<Fleece> _fleeces = []; // guarded by _sync; those that are being opened included
    private readonly JobEngine _engine;
    private readonly JobCommands _commands;
    private readonly IJobHost _host;
    private readonly ScratchFiles _scratch;
    private readonly IFleeceObserver _observer;
    private readonly TimeProvider _time;
    private readonly Action<string, Func<Task>> _run;
    private long _last; // guarded by _sync; number of the last one that was not named

    /// <param name="engine">The node's jobs.</param>
    /// <param name="commands">Their commands.</param>
    /// <param name="host">Whose disks they are.</param>
    /// <param name="scratch">Where old content goes that nobody has named a place for.</param>
    /// <param name="observer">Told of everything that happens to them.</param>
    /// <param name="time">The node's.</param>
    /// <param name="run">Runs work that nobody waits for; what it throws is a bug.</param>
    public Fleeces(
        JobEngine engine, JobCommands commands, IJobHost host, ScratchFiles scratch, IFleeceObserver observer, TimeProvider time,
        Action<string, Func<Task>> run) =>
        (_engine, _commands, _host, _scratch, _observer, _time, _run) = (engine, commands, host, scratch, observer, time, run);

    /// <summary>The exports, by their names.</summary>
    public NbdExportTable Exports { get; } = new();

    /// <summary>Opens all of them, at one moment of all disks, or none.</summary>
    /// <exception cref="JobException">None has been opened.</exception>
    public async Task<IReadOnlyList<FleeceInfo>> OpenAsync(IReadOnlyList<FleeceCommand> commands, CancellationToken cancellationToken)
    {
        List<Fleece> opening = Reserve(commands);
        try
        {
            TransactionAction[] actions = [.. opening.Select(fleece => new TransactionAction.Backup(fleece.ToBackup()))];
            await _commands.TransactAsync(actions, isGrouped: false, cancellationToken);
        }
        catch
        {
            lock (_sync)
                _fleeces.RemoveAll(opening.Contains);
            throw;
        }

        foreach (Fleece fleece in opening)
            Show(fleece);
        return [.. opening.Select(InfoOf)];
    }

    /// <summary>The lease of an export begins anew.</summary>
    /// <param name="name">The export's.</param>
    /// <param name="lease">Null: as long as it was given when it was opened; zero: until it is closed.</param>
    /// <exception cref="JobException">There is none of the name, or it has ended meanwhile.</exception>
    public FleeceInfo Renew(string name, TimeSpan? lease)
    {
        Fleece fleece = Require(name);
        TimeSpan wanted = lease ?? fleece.Command.Lease;
        FleeceRules.CheckLease(wanted);
        lock (_sync)
        {
            if (fleece.HasExpired || !fleece.IsShown)
                throw Refused($"the lease of fleece '{name}' has ended; open another one");
            Lease(fleece, wanted);
        }

        return InfoOf(fleece);
    }

    /// <summary>Closes an export; completes when nothing of it is left.</summary>
    /// <param name="name">The export's.</param>
    /// <param name="isDone">Its reader has everything: what its bitmap marked up to its moment counts as backed up. False: the bitmap keeps it.</param>
    /// <param name="cancellationToken">Ends the wait, not the end.</param>
    /// <exception cref="JobException">There is none of the name; or it cannot count as read, and stays.</exception>
    public async Task CloseAsync(string name, bool isDone, CancellationToken cancellationToken)
    {
        Fleece fleece = Require(name);
        if (isDone)
            Finish(fleece);
        else if (fleece.Broken is null)
            Cancel(fleece);
        await fleece.Transaction!.Ended.WaitAsync(cancellationToken);
        if (isDone && !fleece.HasSucceeded)
            throw fleece.Broken is { } broken ? GivenUp(name, broken) : Refused($"fleece '{name}' was closed by somebody else, and does not count as read");
        await RemoveAsync(fleece, isDone ? FleeceEnd.Done : FleeceEnd.Closed);
    }

    /// <summary>Those that clients find now, in order of their opening.</summary>
    public IReadOnlyList<FleeceInfo> List()
    {
        Fleece[] shown;
        lock (_sync)
            shown = [.. _fleeces.Where(fleece => fleece.IsShown)];
        return [.. shown.Select(InfoOf)];
    }

    /// <summary>All jobs have ended: what is left are exports without anything behind them.</summary>
    public async ValueTask DisposeAsync()
    {
        Fleece[] left;
        lock (_sync)
            left = [.. _fleeces];
        foreach (Fleece fleece in left)
            await RemoveAsync(fleece, FleeceEnd.Closed);
    }

    /// <summary>Nobody finds it any more; completes when nobody reads it any more.</summary>
    internal async ValueTask WithdrawAsync(Fleece fleece)
    {
        if (Hide(fleece))
            await Exports.RemoveAsync(fleece.Name, NbdRemoveMode.Hard);
    }

    internal bool IsWithdrawn(Fleece fleece)
    {
        lock (_sync)
            return fleece.IsWithdrawn;
    }

    /// <summary>Nothing of it is left.</summary>
    internal void Forget(Fleece fleece, FleeceEnd why)
    {
        FleeceInfo info = InfoOf(fleece);
        lock (_sync)
            _fleeces.Remove(fleece);
        _observer.Closed(info, why);
    }

    /// <summary>A file for old content, and the most that it should take.</summary>
    internal IBackupTarget CreateScratch(string name, long lengthBytes, out long quotaBytes)
    {
        quotaBytes = _scratch.QuotaBytes;
        return _scratch.Create(name, lengthBytes);
    }

    internal void TellHighWater(Fleece fleece) => _observer.HighWater(InfoOf(fleece));

    /// <summary>Its point in time is lost. On a guest's thread: the end of the job is somebody else's work.</summary>
    internal void GiveUp(Fleece fleece)
    {
        // Of one that ends already nobody needs to know more.
        if (!IsWithdrawn(fleece))
            _observer.Broken(InfoOf(fleece));
        _run($"the end of fleece '{fleece.Name}'", () =>
        {
            fleece.Wake();
            return Task.CompletedTask;
        });
    }
}
