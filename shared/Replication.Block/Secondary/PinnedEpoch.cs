using Replication.Block.Overlay;

namespace Replication.Block.Secondary;

/// <summary>The overlays of one epoch that somebody's point in time needs, also when the epoch is over.</summary>
/// <remarks>
/// While the epoch lasts the live overlays show it, and nothing is different. When it is over (<see cref="IsOver"/>) its set is kept instead of being given
/// back, and whoever writes a secondary disk first keeps there what the epoch still shows of it (<see cref="OldLayers"/>). Where that cannot be, the epoch is
/// lost: its readers get an error, and the write goes on.
/// </remarks>
internal sealed class PinnedEpoch
{
    private readonly Lock _sync = new(); // guards _whenOver and _whenLost
    private readonly List<Action> _whenOver = [];
    private readonly List<Action<BlockException>> _whenLost = [];
    private BlockException? _lost; // Volatile
    private volatile bool _isOver;
    private volatile bool _isClosed;
    private bool _isFreed; // by who frees, one at a time

    public PinnedEpoch(OverlaySet set, int blockSizeBytes)
    {
        Set = set;
        Disks = [.. set.Disks.Select(layers => new OldLayers(this, layers, blockSizeBytes))];
    }

    public OverlaySet Set { get; }

    /// <summary>In the order of the group's disks.</summary>
    public IReadOnlyList<OldLayers> Disks { get; }

    /// <summary>How many views need it; guarded by <see cref="EpochPins"/>.</summary>
    public int Uses { get; set; }

    /// <summary>The guest's view is another one. Becomes true under the closed gate, once.</summary>
    public bool IsOver => _isOver;

    /// <summary>Why it cannot be read any more; null: it can be.</summary>
    public BlockException? Lost => Volatile.Read(ref _lost);

    /// <summary>Nobody needs it, or its files are about to be closed: nothing more is kept in it.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>Who is told of its end and of its loss. The epoch cannot end meanwhile: the view is held.</summary>
    public void Watch(Action whenOver, Action<BlockException> whenLost)
    {
        lock (_sync)
        {
            _whenOver.Add(whenOver);
            _whenLost.Add(whenLost);
        }
    }

    /// <summary>Under the closed gate, when everybody who writes a secondary disk knows of it.</summary>
    public void End()
    {
        _isOver = true;
        lock (_sync)
            _whenOver.ForEach(tell => tell());
    }

    /// <summary>From here on it has no readers. Before whatever makes it unreadable: who has read something else sees this behind it.</summary>
    public void Lose(BlockException why)
    {
        if (Interlocked.CompareExchange(ref _lost, why, null) is not null)
            return;
        lock (_sync)
            _whenLost.ForEach(tell => tell(why));
    }

    /// <summary>Gives the room that it takes back at once; one caller at a time.</summary>
    public async ValueTask GiveUpAsync(BlockException why)
    {
        Lose(why);
        if (_isFreed || _isClosed)
            return;
        _isFreed = true;
        foreach (OldLayers disk in Disks)
            await disk.FreeAsync();
    }

    /// <summary>Nothing more is kept in it; waits for what is being kept.</summary>
    public async ValueTask CloseAsync()
    {
        _isClosed = true;
        foreach (OldLayers disk in Disks)
            await disk.QuietAsync();
    }
}
