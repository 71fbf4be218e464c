using Replication.Block.Secondary;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary.Simulation;

/// <summary>
/// Views that a run has pinned, and what each must show once its epoch is over: what the model's view was at that moment, whatever happens since.
/// </summary>
internal sealed class PinnedViews(SecondaryGroup group, Random random, bool failures)
{
    private const int Most = 4;

    private readonly List<Pin> _pins = [];

    public int ReadsOfOldEpochs { get; private set; }

    /// <summary>Pins a disk's view, once no switch is under way.</summary>
    public async Task PinAsync(int disk)
    {
        if (_pins.Count == Most)
            return;
        var held = await group.HoldViewAsync();
        if (group.ViewState == ViewState.Layered)
            _pins.Add(new Pin(group.PinView(group.Disks[disk]), disk));
        group.ReleaseView(held);
    }

    /// <summary>The guest gets another view.</summary>
    public void EndEpoch(CellModel[] view)
    {
        foreach (Pin pin in _pins)
            pin.Shows ??= view[pin.Disk].Clone();
    }

    /// <summary>Reads somewhere in one of them.</summary>
    public async Task ReadAsync()
    {
        if (_pins.Count == 0)
            return;
        Pin pin = _pins[random.Next(_pins.Count)];
        int first = random.Next(SimulatedGroup.Cells);
        byte[] buffer = Poison.Buffer(random.Next(1, SimulatedGroup.Cells - first + 1) * SimulatedGroup.CellBytes);
        bool isOver = pin.Shows is not null;
        try
        {
            await pin.View.ReadAsync((long)first * SimulatedGroup.CellBytes, buffer);
            if (isOver)
            {
                ReadsOfOldEpochs++;
                pin.Shows!.Check(buffer, first, "a pinned view");
            }
        }
        catch (BlockException) when (failures)
        {
            // What could not be kept is an error, never other content.
        }
    }

    public async Task ReleaseAsync(bool all)
    {
        foreach (Pin pin in _pins.ToList())
        {
            if ((!all && random.Next(2) == 0) || !_pins.Remove(pin))
                continue;
            await pin.View.ReleaseAsync();
        }
    }

    private sealed class Pin(PinnedView view, int disk)
    {
        public PinnedView View => view;

        public int Disk => disk;

        public CellModel? Shows { get; set; }
    }
}
