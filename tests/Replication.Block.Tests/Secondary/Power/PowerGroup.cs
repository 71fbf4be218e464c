using Replication.Block.Overlay;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary.Power;

/// <summary>A secondary under <c>Durability: power</c> whose disk and files are memory that loses power.</summary>
internal sealed class PowerGroup
{
    public const int BlockBytes = 4096;
    public const int LengthBytes = (12 * BlockBytes) + 512;

    private LossyFileStore _state = new();
    private LossyFileStore _overlays = new();
    private int _operationsLeft = int.MaxValue;
    private Random? _crash;

    public FakeTimeProvider Time { get; } = new();

    /// <summary>What a flush of the secondary disk takes.</summary>
    public TimeSpan FlushTakes { get; set; }

    /// <summary>Runs before each operation, by the node's name.</summary>
    public Func<string, BlockOperation, Task>? Before { get; set; }

    /// <summary>The durability of the next open.</summary>
    public bool Power { get; set; } = true;

    public LossyNode Disk { get; private set; } = new(LengthBytes, "disk0");

    public SecondaryGroup Group { get; private set; } = null!;

    public BlockNode Guest => Group.Disks[0].Guest;

    /// <summary>What the loss of power has left; null while there is none.</summary>
    public PowerGroup? Left { get; private set; }

    public async Task OpenAsync(bool afterCrash)
    {
        StateDirectory state = await StateDirectory.OpenAsync(_state, Decorate, Power);
        if (state.Record.Current is null)
        {
            Guid id = Guid.NewGuid();
            state.SaveManifest(
                new Manifest { Group = "vm", GroupId = id, Role = NodeRole.Secondary, History = [], Disks = [], BootId = Guid.Empty, Power = true });
            await state.Record.WriteAsync(new EpochRecord { GroupId = id, GenerationNumber = 0, GenerationId = Guid.Empty, Epoch = 0, Stage = NodeStage.None });
        }

        Group = await SecondaryGroup.OpenAsync(new SecondaryGroupOptions
        {
            Disks = [("disk0", Decorate(Disk))],
            Overlays = _overlays,
            State = state,
            BlockSizeBytes = BlockBytes,
            Time = Time,
            Worker = new QueuedWorker(),
            Power = Power,
            Trust = afterCrash ? OverlayTrust.Durable : OverlayTrust.All,
            Decorate = Decorate,
        });
    }

    /// <summary>A new epoch.</summary>
    public ValueTask<SwitchResult> SwitchAsync(bool flushesAhead = true)
    {
        ulong epoch = Group.Record!.Epoch + 1;
        return Group.CheckpointAsync(new SwitchRequest
        {
            Next = record => record with { Stage = NodeStage.Running, Epoch = epoch },
            Deadline = TimeSpan.FromSeconds(1),
            FlushesAhead = flushesAhead,
        });
    }

    /// <summary>Power is lost before the operation of that number from now on.</summary>
    public void CrashIn(int operations, Random random) => (_operationsLeft, _crash) = (operations, random);

    public void CrashNow(Random random) =>
        Left = new PowerGroup { _state = _state.Crash(random), _overlays = _overlays.Crash(random), Disk = Disk.Crash(random) };

    private BlockNode Decorate(BlockNode node) => new HookNode(node)
    {
        Before = (operation, _) =>
        {
            if (_crash is not null && Left is null && _operationsLeft-- == 0)
                CrashNow(_crash);
            if (node.Name == "disk0" && operation == BlockOperation.Flush)
                Time.Advance(FlushTakes);
            return Before?.Invoke(node.Name, operation) ?? Task.CompletedTask;
        },
    };
}
