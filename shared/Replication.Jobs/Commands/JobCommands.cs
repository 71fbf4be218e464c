using Replication.Block;
using Replication.Block.Locks;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;

namespace Replication.Jobs.Commands;

/// <summary>What every door asks for: backups, bitmaps and transactions of both. Concurrent; one at a time takes effect.</summary>
/// <remarks>
/// A command is a transaction of one action. Targets are opened first, for that may take long; then all disks are held still, and everything that the actions
/// do has that one moment. The actions are prepared in order, and undone in reverse where a later one fails.
/// </remarks>
public sealed class JobCommands(JobEngine engine, BitmapStore bitmaps, IJobHost host, GroupGate gate, TimeProvider time)
{
    private static readonly BlockRange s_turn = new(0, 1);

    private readonly RangeLock _turns = new();
    private readonly Claims _claims = new();
    private readonly CopyBuffers _buffers = new(Limits.CopyBytes);

    public Task BackupAsync(BackupCommand command, CancellationToken cancellationToken) =>
        TransactAsync([new TransactionAction.Backup(command)], isGrouped: false, cancellationToken);

    /// <summary>Does all of it or none; returns when the jobs have begun.</summary>
    /// <param name="actions">In order.</param>
    /// <param name="isGrouped">Completion mode <c>grouped</c>: its jobs succeed together or not at all.</param>
    /// <param name="cancellationToken">Ends it before its moment; afterwards it is not looked at.</param>
    /// <exception cref="JobException">Nothing has been done.</exception>
    public async Task TransactAsync(IReadOnlyList<TransactionAction> actions, bool isGrouped, CancellationToken cancellationToken)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        var transaction = new CommandTransaction(engine, bitmaps, host, _claims, _buffers, time, isGrouped);
        try
        {
            await transaction.OpenAsync(actions, cancellationToken);
            if (!await gate.CloseAsync(Limits.HoldStill))
            {
                throw new JobException(
                    JobErrorClass.GenericError,
                    $"writes that are under way did not end within {Limits.HoldStill.TotalMilliseconds:0} ms; see whether a disk or a job's target hangs");
            }

            try
            {
                await transaction.CommitAsync(actions);
            }
            finally
            {
                gate.Open();
            }
        }
        catch (Exception e)
        {
            await transaction.RollBackAsync();
            if (e is IOException)
                throw new JobException(JobErrorClass.GenericError, e.Message, e);
            throw;
        }
        finally
        {
            _turns.Release(turn);
        }

        transaction.Begin();
    }
}
