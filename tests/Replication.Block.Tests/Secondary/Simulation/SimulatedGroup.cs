using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary.Simulation;

/// <summary>A secondary's group whose every file and disk is memory, and whose every operation is done when a schedule says.</summary>
internal sealed class SimulatedGroup
{
    public const int BlockBytes = 4096;
    public const int CellBytes = 512;
    public const int LengthBytes = (12 * BlockBytes) + CellBytes;
    public const int Cells = LengthBytes / CellBytes;

    private readonly MemoryFileStore _state;
    private readonly MemoryFileStore _overlays;
    private readonly Schedule _schedule;

    private SimulatedGroup(MemoryFileStore state, MemoryFileStore overlays, IReadOnlyList<MemoryNode> disks, Schedule schedule)
    {
        _state = state;
        _overlays = overlays;
        _schedule = schedule;
        Disks = disks;
    }

    public IReadOnlyList<MemoryNode> Disks { get; }

    public SecondaryGroup Group { get; private set; } = null!;

    public static async Task<SimulatedGroup> CreateAsync(int disks, Schedule schedule)
    {
        var group = new SimulatedGroup(
            new MemoryFileStore(), new MemoryFileStore(), [.. Enumerable.Range(0, disks).Select(i => new MemoryNode(LengthBytes, $"disk{i}"))], schedule);
        await group.OpenAsync();
        return group;
    }

    /// <summary>What a new process finds after a kill now.</summary>
    public async Task<SimulatedGroup> KilledAsync()
    {
        var restarted = new SimulatedGroup(
            _state.Clone(), _overlays.Clone(), [.. Disks.Select(MemoryFileStore.Copy)], new Schedule(new Random(0)) { Immediate = true });
        await restarted.OpenAsync();
        return restarted;
    }

    private async Task OpenAsync()
    {
        bool immediate = _schedule.Immediate;
        _schedule.Immediate = true;
        StateDirectory state = await StateDirectory.OpenAsync(_state, Decorate);
        if (state.Record.Current is null)
        {
            Guid id = Guid.NewGuid();
            state.SaveManifest(new Manifest { Group = "vm", GroupId = id, Role = NodeRole.Secondary, History = [], Disks = [], BootId = Guid.Empty });
            await state.Record.WriteAsync(new EpochRecord { GroupId = id, GenerationNumber = 0, GenerationId = Guid.Empty, Epoch = 0, Stage = NodeStage.None });
        }

        Group = await SecondaryGroup.OpenAsync(new SecondaryGroupOptions
        {
            Disks = [.. Disks.Select(disk => (disk.Name, Decorate(disk)))],
            Overlays = _overlays,
            State = state,
            BlockSizeBytes = BlockBytes,
            Time = TimeProvider.System,
            Worker = new ScheduledWorker(_schedule),
            Decorate = Decorate,
        });
        _schedule.Immediate = immediate;
    }

    // The record never fails here: a record that can be neither written nor kept ends the process.
    private BlockNode Decorate(BlockNode node) => new ScheduledNode(node, _schedule, mayFail: node.Name != "record");

    private sealed class ScheduledWorker(Schedule schedule) : IBackgroundWorker
    {
        public void Post(Func<ValueTask> work)
        {
            if (schedule.Immediate)
                _ = work().AsTask();
            else
                schedule.Add(() => _ = work().AsTask());
        }
    }
}
