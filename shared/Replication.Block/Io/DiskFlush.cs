using Replication.Block.Locks;
using Replication.Block.Overlay;

namespace Replication.Block;

/// <summary>Flushes of one disk for everybody who needs one: shared by those that wait together, and never two at a time.</summary>
/// <remarks>
/// The kernel tells a failed writeback once, to one of the flushes that are under way, and drops the pages that it could not write: a second flush, beside the
/// failed one or behind it, succeeds though they are gone. So there is never a second one beside it; a failure is acted on (<see cref="Failed"/>) before the
/// next begins; and where somebody else's flush has met it the guest's next one fails, which would have failed without that.
/// </remarks>
internal sealed class DiskFlush
{
    private static readonly BlockRange s_turn = new(0, 1);

    private readonly BlockNode _disk;
    private readonly GroupFlush _shared;
    private readonly RangeLock _turns = new();
    private BlockException? _owed; // Interlocked; a failure that the guest has not been told
    private int _failures; // written by a flush that fails, of which there is one at a time

    public DiskFlush(BlockNode disk)
    {
        _disk = disk;
        _shared = new GroupFlush(() => RunAsync(_disk));
    }

    /// <summary>A flush is about to begin: what was written before is what it covers. Its result goes to <see cref="Succeeded"/>.</summary>
    public Func<int>? Beginning { get; init; }

    public Action<int>? Succeeded { get; init; }

    /// <summary>One has failed: what was written since the last good one may be lost. Called before any other begins; must not block.</summary>
    public Action<BlockException>? Failed { get; init; }

    /// <summary>A flush in nobody's name but the caller's.</summary>
    /// <exception cref="BlockException">It failed.</exception>
    public Task FlushAsync() => _shared.FlushAsync();

    /// <summary>The guest's: fails also where an earlier one that was not the guest's has failed, once.</summary>
    /// <exception cref="BlockException">What the guest has written since its last flush may be lost.</exception>
    public async ValueTask FlushForGuestAsync()
    {
        try
        {
            await _shared.FlushAsync();
        }
        catch (BlockException e)
        {
            // This one, and no later one: another flush may have failed before the guest's own task goes on here.
            Interlocked.CompareExchange(ref _owed, null, e);
            throw;
        }

        if (Interlocked.Exchange(ref _owed, null) is { } owed)
            throw owed;
    }

    /// <summary>How many have failed.</summary>
    public int Failures => Volatile.Read(ref _failures);

    /// <summary>A flush by another way to the same disk, for who has written there since <paramref name="failuresBefore"/> of them had failed.</summary>
    /// <exception cref="BlockException">It failed, or somebody else's has since then: that one may have
    /// lost what this one finds nothing of any more.</exception>
    public async ValueTask FlushThroughAsync(BlockNode alias, int failuresBefore)
    {
        await RunAsync(alias);
        if (Failures != failuresBefore)
        {
            throw new BlockException(
                BlockErrorKind.Io, alias.Name, BlockOperation.Flush, default,
                "another flush of the disk has failed meanwhile: what was written before it may be lost");
        }
    }

    /// <summary>What has failed until now is not the guest's affair: it has not written to the disk yet.</summary>
    public void Forgive() => Interlocked.Exchange(ref _owed, null);

    private async ValueTask RunAsync(BlockNode way)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            int begun = Beginning?.Invoke() ?? 0;
            await way.FlushAsync();
            Succeeded?.Invoke(begun);
        }
        catch (BlockException e)
        {
            Interlocked.Increment(ref _failures);
            Interlocked.Exchange(ref _owed, e);
            Failed?.Invoke(e);
            throw;
        }
        finally
        {
            _turns.Release(turn);
        }
    }
}
