using Replication.Block;
using Replication.Block.Files;
using Replication.Block.Locks;
using Replication.Block.Snapshots;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Jobs.Tests.Commands;

/// <summary>A node with disks in memory whose guests write, and targets by name.</summary>
internal sealed class CommandWorld : IJobHost
{
    public const long LengthBytes = (4 << 20) + 512;

    private readonly Dictionary<string, TestDisk> _disks = [];
    private readonly Dictionary<string, TestTarget> _targets = [];
    private readonly LossyFileStore _files = new();
    private readonly Guid _boot = Guid.NewGuid();

    private CommandWorld() => Gate = new GroupGate(Jobs.Time);

    public JobWorld Jobs { get; } = new();

    public GroupGate Gate { get; }

    public BitmapStore Bitmaps { get; private set; } = null!;

    public JobCommands Commands { get; private set; } = null!;

    /// <summary>The pair's epoch.</summary>
    public ulong Epoch { get; set; } = 1;

    /// <summary>Called while everything is held still for a command.</summary>
    public Action AtMoment { get; set; } = () => { };

    ulong IJobHost.Epoch
    {
        get
        {
            AtMoment();
            return Epoch;
        }
    }

    IReadOnlyList<JobDisk> IJobHost.Disks => [.. _disks.Values.Select(disk => disk.Job)];

    /// <summary>Called at every step that may change what a kill leaves.</summary>
    public Action OnStep
    {
        get => Jobs.OnTold;
        set
        {
            Jobs.OnTold = value;
            _files.Replacing = _ => value();
        }
    }

    /// <summary>Called before something is put on record.</summary>
    public Action OnRecord
    {
        set => _files.Replacing = _ => value();
    }

    /// <summary>How often somebody was looked for who copies inside the kernel.</summary>
    public int OffloadsAsked { get; private set; }

    CopyOffload? IJobHost.OffloadBetween(BlockNode source, BlockNode target)
    {
        OffloadsAsked++;
        return null;
    }

    public static Task<CommandWorld> CreateAsync(params string[] disks) => CreateAsync(durable: false, disks);

    /// <summary>One whose bitmaps survive a loss of power.</summary>
    public static Task<CommandWorld> CreateDurableAsync(params string[] disks) => CreateAsync(durable: true, disks);

    /// <summary>What a loss of power at this moment leaves of the state directory; a kill leaves no less.</summary>
    public LossyFileStore Crash(Random random) => _files.Crash(random);

    /// <summary>The bitmaps that the next run finds there.</summary>
    public async Task<BitmapStore> ReopenAsync(LossyFileStore files)
    {
        var gate = new GroupGate(Jobs.Time);
        return await BitmapStore.OpenAsync(
            files, _disks.ToDictionary(disk => disk.Key, disk => new BeforeWriteNode(disk.Key, disk.Value.Memory, gate)), _boot, durable: true);
    }

    private static async Task<CommandWorld> CreateAsync(bool durable, string[] disks)
    {
        var world = new CommandWorld();
        foreach (string name in disks)
            world._disks.Add(name, new TestDisk(name, world.Gate));
        world.Bitmaps = await BitmapStore.OpenAsync(
            world._files, world._disks.ToDictionary(disk => disk.Key, disk => disk.Value.Job.Node), world._boot, durable);
        world.Commands = new JobCommands(world.Jobs.Engine, world.Bitmaps, world, world.Gate, world.Jobs.Time);
        return world;
    }

    public TestDisk Disk(string name) => _disks[name];

    /// <summary>The state directory.</summary>
    public IFileStore Files => _files;

    public bool HasTarget(string name) => _targets.ContainsKey(name);

    /// <summary>A target; made where there is none of the name.</summary>
    public TestTarget Target(string name, long lengthBytes = LengthBytes)
    {
        if (!_targets.TryGetValue(name, out TestTarget? target))
            _targets.Add(name, target = new TestTarget(name, lengthBytes) { OnStep = () => OnStep() });
        return target;
    }

    public Task BackupAsync(
        string device, string target, BackupSync sync = BackupSync.Full, string? bitmap = null, BitmapMode? mode = null, string? id = null) =>
        Commands.BackupAsync(Command(device, target, sync, bitmap, mode, id), default);

    public static BackupCommand Command(
        string device, string target, BackupSync sync = BackupSync.Full, string? bitmap = null, BitmapMode? mode = null, string? id = null) =>
        new() { Device = device, Target = target, Sync = sync, Bitmap = bitmap, BitmapMode = mode, JobId = id };

    public Task TransactAsync(bool isGrouped, params TransactionAction[] actions) => Commands.TransactAsync(actions, isGrouped, default);

    public BitmapInfo Bitmap(string disk, string name) => Bitmaps.Query(disk).Single(bitmap => bitmap.Name == name);

    /// <summary>The line of a command that is refused; nothing of it is left.</summary>
    public async Task<JobException> RefusalAsync(Func<Task> command)
    {
        string[] before = [.. Jobs.Engine.Query().Select(job => job.Id)];
        JobException refused = await Assert.ThrowsAsync<JobException>(command);
        Assert.Equal(before, Jobs.Engine.Query().Select(job => job.Id));
        Assert.False(Gate.IsShut);
        return refused;
    }

    /// <summary>Nothing holds a disk, a target or a bitmap any more.</summary>
    public void CheckNothingIsLeft()
    {
        Jobs.CheckNothingIsLeft();
        Assert.All(_targets.Values, target => Assert.False(target.IsOpen, $"target {target.Name} is open"));
        Assert.All(_disks.Keys.SelectMany(Bitmaps.Query), bitmap => Assert.False(bitmap.IsBusy, $"bitmap {bitmap.Name} is busy"));
    }

    ValueTask<IBackupTarget> IJobHost.OpenTargetAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken)
    {
        if (command.Mode == TargetMode.Existing && !_targets.ContainsKey(command.Target))
            throw new JobException(JobErrorClass.GenericError, $"{command.Target} does not exist");
        TestTarget target = Target(command.Target);
        if (target.Refusal is { } refusal)
            throw new JobException(JobErrorClass.GenericError, refusal);
        target.IsOpen = true;
        return new ValueTask<IBackupTarget>(target);
    }

    /// <summary>A disk and its guest.</summary>
    internal sealed class TestDisk
    {
        public TestDisk(string name, GroupGate gate)
        {
            Memory = new MemoryNode(LengthBytes, $"{name}.memory");
            Source = new DeferredNode(Memory, $"{name}.source");
            foreach (BlockOperation operation in Enum.GetValues<BlockOperation>())
                Source.Immediate.Add(operation);
            Job = new WatchedDisk(name, new BeforeWriteNode(name, Source, gate), Source, $"/disks/{name}");
        }

        public MemoryNode Memory { get; }

        public DeferredNode Source { get; }

        public WatchedDisk Job { get; }

        public ValueTask FillAsync(long offsetBytes, int lengthBytes, byte value) =>
            Job.Node.WriteAsync(offsetBytes, Enumerable.Repeat(value, lengthBytes).ToArray());
    }

    /// <summary>A target that remembers whether it was sealed.</summary>
    internal sealed class TestTarget : IBackupTarget
    {
        public TestTarget(string name, long lengthBytes)
        {
            Name = name;
            Memory = new MemoryNode(lengthBytes, name);
            Deferred = new DeferredNode(Memory, name);
            foreach (BlockOperation operation in Enum.GetValues<BlockOperation>())
                Deferred.Immediate.Add(operation);
        }

        public string Name { get; }

        public MemoryNode Memory { get; }

        public DeferredNode Deferred { get; }

        public Action OnStep { get; init; } = () => { };

        public bool IsOpen { get; set; }

        public bool IsSealed { get; private set; }

        /// <summary>The reason that its opening is refused with; null: it is opened.</summary>
        public string? Refusal { get; set; }

        public int ClusterBytes { get; init; } = 64 << 10;

        public bool IsClusterKnown { get; set; } = true;

        public BlockNode Node => Deferred;

        public string Identity => Name;

        public void Cut()
        {
            foreach (BlockOperation operation in Enum.GetValues<BlockOperation>())
                Deferred.Immediate.Add(operation);
            foreach (DeferredRequest request in Deferred.Pending)
                request.Fail();
        }

        public ValueTask<TargetSeal?> PrepareSealAsync()
        {
            OnStep();
            return new(new TargetSeal(Name, Name));
        }

        public bool CompleteSeal()
        {
            OnStep();
            IsSealed = true;
            OnStep();
            return true;
        }

        public ValueTask SealAsync()
        {
            IsSealed = true;
            return default;
        }

        public ValueTask DisposeAsync()
        {
            IsOpen = false;
            return default;
        }

        /// <summary>What it holds over a backing file.</summary>
        public async Task<byte[]> OverAsync(byte[] backing)
        {
            byte[] content = [.. backing];
            for (long offset = 0; offset < LengthBytes;)
            {
                Extent extent = await Memory.StatusAsync(BlockRange.FromBounds(offset, LengthBytes));
                if (extent.Flags == ExtentFlags.Data)
                    await Memory.ReadAsync(offset, content.AsMemory((int)offset, (int)extent.LengthBytes));
                offset += extent.LengthBytes;
            }

            return content;
        }
    }
}
