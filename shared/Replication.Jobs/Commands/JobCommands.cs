using Replication.Block;
using Replication.Block.Locks;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;

namespace Replication.Jobs.Commands;

/// <summary>What every door asks for: backups, bitmaps and transactions of both. Concurrent; one at a time takes effect.</summary>
/// <remarks>
/// A command is a transaction of one action. Targets are opened first, for that may take long; then all disks are held still, and everything that the actions
/// do has that one moment. The actions are prepared in order, and undone in reverse where a later one fails. With a checkpoint among them the moment is the
/// checkpoint's: the disks are held still from before the secondary commits it until everything is in force.
/// </remarks>
public sealed class JobCommands(JobEngine engine, BitmapStore bitmaps, IJobHost host, IStandstill standstill, TimeProvider time)
{
    private static readonly BlockRange s_turn = new(0, 1);

    private readonly RangeLock _turns = new();
    private readonly Claims _claims = new();
    private readonly CopyBuffers _buffers = new(Limits.CopyBytes);

    /// <summary>For disks that share one gate, and that nothing else changes.</summary>
    public JobCommands(JobEngine engine, BitmapStore bitmaps, IJobHost host, GroupGate gate, TimeProvider time)
        : this(engine, bitmaps, host, new GateStandstill(gate), time)
    {
    }

    /// <returns>Its job, as it was when it began.</returns>
    public async Task<JobInfo> BackupAsync(BackupCommand command, CancellationToken cancellationToken) =>
        (await TransactAsync([new TransactionAction.Backup(command)], isGrouped: false, cancellationToken))[0];

    /// <summary>Does all of it or none; returns when the jobs have begun.</summary>
    /// <param name="actions">In order.</param>
    /// <param name="isGrouped">Completion mode <c>grouped</c>: its jobs succeed together or not at all.</param>
    /// <param name="cancellationToken">Ends it before its moment; afterwards it is not looked at.</param>
    /// <returns>The jobs, in order of their actions, as they were when they began.</returns>
    /// <exception cref="JobException">Nothing has been done, but for a checkpoint that the message tells of.</exception>
    public async Task<IReadOnlyList<JobInfo>> TransactAsync(IReadOnlyList<TransactionAction> actions, bool isGrouped, CancellationToken cancellationToken)
    {
        bool hasCheckpoint = HasCheckpoint(actions);
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        var transaction = new CommandTransaction(engine, bitmaps, host, _claims, _buffers, time, isGrouped);
        try
        {
            await transaction.OpenAsync(actions, cancellationToken);
            if (hasCheckpoint)
                await CommitWithCheckpointAsync(transaction, actions, cancellationToken);
            else
                await HeldStillAsync(() => CommitAsync(transaction, actions), transaction.TakeBack);
        }
        catch (Exception e)
        {
            await transaction.RollBackAsync();
            if (e is IOException)
                throw new JobException(JobErrorClass.GenericError, e.Message, e) { Kind = JobErrorKind.Failed };
            throw;
        }
        finally
        {
            _turns.Release(turn);
        }

        return transaction.Begin();
    }

    /// <summary>A dry run: every action that would be refused, and why. Nothing is changed, and no job begins; the guest waits as for a real one.</summary>
    /// <exception cref="JobException">It cannot be found out now.</exception>
    public async Task<IReadOnlyList<TransactionFault>> CheckAsync(IReadOnlyList<TransactionAction> actions, CancellationToken cancellationToken)
    {
        HasCheckpoint(actions);
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        var rehearsal = new CommandRehearsal(engine, bitmaps, host, _claims, actions);
        try
        {
            await rehearsal.CheckAsync(cancellationToken);
            await HeldStillAsync(rehearsal.CheckBitmapsAsync, () => { });
        }
        finally
        {
            rehearsal.GiveClaims();
            _turns.Release(turn);
        }

        return rehearsal.Faults;
    }

    /// <summary>Keeps a bitmap as it is for who shows it: busy, until what is returned is disposed.</summary>
    /// <exception cref="JobException">There is none of the name, or it cannot be shown.</exception>
    public async Task<BitmapHold> HoldBitmapAsync(string disk, string name)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            return bitmaps.Hold(disk, name);
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    private static bool HasCheckpoint(IReadOnlyList<TransactionAction> actions) => actions.Count(action => action is TransactionAction.Checkpoint) switch
    {
        0 => false,
        1 => true,
        _ => throw new JobException(JobErrorClass.GenericError, "a transaction has one moment, and so one checkpoint at most"),
    };

    private async Task CommitAsync(CommandTransaction transaction, IReadOnlyList<TransactionAction> actions)
    {
        await transaction.PrepareAsync(actions, host.Epoch);
        transaction.Commit();
    }

    /// <summary>The disks stay still from before the secondary's commit until everything is in force, whatever becomes of the checkpoint's lease.</summary>
    private async Task CommitWithCheckpointAsync(
        CommandTransaction transaction, IReadOnlyList<TransactionAction> actions, CancellationToken cancellationToken)
    {
        bool isHeld = false;
        await host.CheckpointAsync(new CheckpointMoment(PrepareAsync, transaction.Commit, Release), cancellationToken);

        async ValueTask PrepareAsync(ulong epoch)
        {
            await HoldStillAsync();
            isHeld = true;
            await transaction.PrepareAsync(actions, epoch);
        }

        void Release()
        {
            transaction.TakeBack();
            if (isHeld)
                standstill.Release();
        }
    }

    /// <summary>What fails is taken back before anything goes on: a write in between would be marked in what is about to be taken away.</summary>
    private async Task HeldStillAsync(Func<Task> work, Action takeBack)
    {
        await HoldStillAsync();
        try
        {
            await work();
        }
        catch
        {
            takeBack();
            throw;
        }
        finally
        {
            standstill.Release();
        }
    }

    private async Task HoldStillAsync()
    {
        if (!await standstill.TryHoldAsync(Limits.HoldStill))
        {
            throw new JobException(
                JobErrorClass.GenericError,
                $"writes that are under way did not end within {Limits.HoldStill.TotalMilliseconds:0} ms; see whether a disk or a job's target hangs");
        }
    }
}
