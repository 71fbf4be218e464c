using Replication.Block.Locks;
using Replication.Block.Overlay;

namespace Replication.Block.Secondary;

/// <summary>The epochs of a group that points in time need: the live one, and those that are over.</summary>
/// <remarks>
/// Room: what they take counts against the overlays' limit. They give way: where a mirrored write or the guest finds no room every epoch that is over is lost
/// and its room is given back at once, before anybody but its readers gets an error.
/// </remarks>
/// <param name="keepers">Of the group's disks, in order.</param>
/// <param name="blockSizeBytes">Of the overlays.</param>
/// <param name="retire">Gives a set back that nobody needs any more.</param>
internal sealed class EpochPins(IReadOnlyList<EpochKeeper> keepers, int blockSizeBytes, Action<OverlaySet> retire) : IAsyncDisposable
{
    private static readonly BlockRange s_turn = new(0, 1);

    private readonly RangeLock _freeing = new(); // who frees epochs, and who waits for that
    private readonly Lock _sync = new();
    private readonly List<PinnedEpoch> _over = []; // guarded by _sync
    private PinnedEpoch? _current; // guarded by _sync; of the live set

    /// <summary>What epochs that are over take in the overlay directory: room for whoever needs it.</summary>
    public long TakenBytes
    {
        get
        {
            lock (_sync)
                return _over.Sum(epoch => epoch.Set.TakenBytes);
        }
    }

    /// <summary>The live epoch, for one more view. No switch is under way: the view is held.</summary>
    public PinnedEpoch Pin(OverlaySet live)
    {
        lock (_sync)
        {
            _current ??= new PinnedEpoch(live, blockSizeBytes);
            _current.Uses++;
            return _current;
        }
    }

    /// <summary>
    /// Under the closed gate, behind the record: the guest's view is another one from here on. True where the set of the old one is still needed.
    /// </summary>
    public bool KeepOld()
    {
        lock (_sync)
        {
            if (_current is not { } old)
                return false;
            _current = null;
            _over.Add(old);
            for (int i = 0; i < keepers.Count; i++)
                keepers[i].Add(old.Disks[i]);
            old.End();
            return true;
        }
    }

    /// <summary>Under the closed gate: the overlays go, since the secondary disks are the view. Whoever reads the epoch reads them.</summary>
    public void Detach()
    {
        lock (_sync)
            _current = null;
    }

    /// <summary>One view less needs it.</summary>
    public async ValueTask ReleaseAsync(PinnedEpoch epoch)
    {
        lock (_sync)
        {
            if (--epoch.Uses > 0)
                return;
            if (_current == epoch)
                _current = null;
            if (!_over.Remove(epoch))
                return;
            for (int i = 0; i < keepers.Count; i++)
                keepers[i].Remove(epoch.Disks[i]);
        }

        await epoch.CloseAsync();
        _freeing.Release(await _freeing.AcquireAsync(s_turn));
        retire(epoch.Set);
    }

    /// <summary>Somebody finds no room: epochs that are over give theirs back. False: there is none, or they had been freed before.</summary>
    /// <param name="why">What was refused.</param>
    public async ValueTask<bool> GiveUpAsync(BlockException why)
    {
        PinnedEpoch[] over;
        lock (_sync)
            over = [.. _over];
        if (over.Length == 0)
            return false;
        RangeLock.Ticket freeing = await _freeing.AcquireAsync(s_turn);
        try
        {
            foreach (PinnedEpoch epoch in over)
                await epoch.GiveUpAsync(why);
        }
        finally
        {
            _freeing.Release(freeing);
        }

        return true;
    }

    /// <summary>The group ends: nobody reads old epochs any more.</summary>
    public async ValueTask DisposeAsync()
    {
        PinnedEpoch[] over;
        lock (_sync)
        {
            over = [.. _over];
            _over.Clear();
        }

        foreach (PinnedEpoch epoch in over)
        {
            var ended = new BlockException(BlockErrorKind.Shutdown, keepers[0].Name, BlockOperation.Read, default, "the node ends");
            epoch.Lose(ended);
            await epoch.CloseAsync();
            await epoch.Set.DisposeAsync();
        }
    }
}
