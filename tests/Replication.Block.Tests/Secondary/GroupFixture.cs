using Replication.Block.Files;
using Replication.Block.Overlay;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

/// <summary>A secondary's group over disks in memory, with real state and overlay files.</summary>
internal sealed class GroupFixture : IAsyncDisposable
{
    public const byte OldByte = 0x11;
    public const int BlockBytes = 4096;

    private readonly TempDirectory _directory;
    private readonly BlockingWorkers _workers = new("test", 1);

    private GroupFixture(IReadOnlyList<MemoryNode> disks, string? parent = null)
    {
        Disks = disks;
        _directory = new TempDirectory(parent);
    }

    public IReadOnlyList<MemoryNode> Disks { get; }

    /// <summary>Wraps a node by its name, from the next open on; "DISK" means the secondary disk itself.</summary>
    public Dictionary<string, Func<BlockNode, BlockNode>> Wrap { get; } = [];

    public QueuedWorker Worker { get; } = new();

    public FakeTimeProvider Time { get; } = new();

    /// <summary>Limits of the overlay directory, from the next open on.</summary>
    public long LimitBytes { get; set; } = long.MaxValue;

    public long SoftLimitBytes { get; set; } = long.MaxValue;

    /// <summary>The next open has a spill directory.</summary>
    public bool HasSpill { get; set; }

    public bool Power { get; set; }

    public OverlayTrust Trust { get; set; }

    public List<OverlayPressure> Pressures { get; } = [];

    public string SpillPath => _directory["spill"];

    public List<(SecondaryFailure Failure, string Disk, BlockException Error)> Failures { get; } = [];

    public StateDirectory State { get; private set; } = null!;

    public SecondaryGroup Group { get; private set; } = null!;

    public MirrorSessionState Session { get; private set; } = new(Guid.NewGuid());

    public BlockNode Guest => Group.Disks[0].Guest;

    public MemoryNode Disk => Disks[0];

    public string OverlayPath => _directory["overlay"];

    public string StatePath => _directory["state"];

    public static async Task<GroupFixture> CreateAsync(
        int disks = 1, long lengthBytes = (4 << 20) + 512, byte fill = OldByte, Action<GroupFixture>? prepare = null, string? parent = null)
    {
        var fixture = new GroupFixture([.. Enumerable.Range(0, disks).Select(i => new MemoryNode(lengthBytes, $"disk{i}", fill))], parent);
        prepare?.Invoke(fixture);
        await fixture.OpenAsync();
        return fixture;
    }

    /// <summary>A group that runs: stage running, epoch 1.</summary>
    public static async Task<GroupFixture> StartedAsync(
        int disks = 1, long lengthBytes = (4 << 20) + 512, byte fill = OldByte, Action<GroupFixture>? prepare = null, string? parent = null)
    {
        GroupFixture fixture = await CreateAsync(disks, lengthBytes, fill, prepare, parent);
        await fixture.StartAsync();
        return fixture;
    }

    public async Task OpenAsync()
    {
        State = await StateDirectory.OpenAsync(new FileStore(StatePath, _workers), Decorate, Power);
        if (State.Record.Current is null)
        {
            Guid group = Guid.NewGuid();
            State.SaveManifest(new Manifest { Group = "vm", GroupId = group, Role = NodeRole.Secondary, History = [], Disks = [], BootId = BootId.Read() });
            await State.Record.WriteAsync(
                new EpochRecord { GroupId = group, GenerationNumber = 0, GenerationId = Guid.Empty, Epoch = 0, Stage = NodeStage.None });
        }

        Group = await SecondaryGroup.OpenAsync(new SecondaryGroupOptions
        {
            Disks = [.. Disks.Select(disk => (disk.Name, Decorate(disk)))],
            Overlays = new FileStore(OverlayPath, _workers),
            Spill = HasSpill ? new FileStore(SpillPath, _workers) : null,
            LimitBytes = LimitBytes,
            SoftLimitBytes = SoftLimitBytes,
            Power = Power,
            Trust = Trust,
            OnPressure = (pressure, _, _) => Pressures.Add(pressure),
            State = State,
            BlockSizeBytes = BlockBytes,
            Time = Time,
            Worker = Worker,
            Decorate = Decorate,
            OnFailure = (failure, disk, error) => Failures.Add((failure, disk, error)),
        });
    }

    public async Task StartAsync()
    {
        SwitchResult result = await TryStartAsync();
        Assert.True(result.Switched, result.Reason);
    }

    public ValueTask<SwitchResult> TryStartAsync() =>
        Group.CheckpointAsync(Switch(record => record with { Stage = NodeStage.Running, Epoch = record.Epoch + 1 }));

    public async Task CheckpointAsync()
    {
        SwitchResult result = await TryCheckpointAsync();
        Assert.True(result.Switched, result.Reason);
    }

    public ValueTask<SwitchResult> TryCheckpointAsync(Func<string?>? precondition = null) =>
        Group.CheckpointAsync(Switch(record => record with { Epoch = record.Epoch + 1 }) with { Precondition = precondition });

    public ValueTask<SwitchResult> StopAsync() =>
        Group.CheckpointAsync(Switch(record => record with { Epoch = record.Epoch + 1, Stage = NodeStage.Stopped }) with { WithOverlays = false });

    public ValueTask<SwitchResult> TryPromoteAsync() => Group.PromoteAsync(
        record => record with { GenerationNumber = record.GenerationNumber + 1, GenerationId = Guid.NewGuid() }, TimeSpan.FromSeconds(1), Session.Revoke);

    public async Task PromoteAsync()
    {
        SwitchResult result = await TryPromoteAsync();
        Assert.True(result.Switched, result.Reason);
    }

    public async Task FailoverAsync()
    {
        await PromoteAsync();
        CommitResult commit = await Group.CommitAsync();
        Assert.Equal(CommitOutcome.Done, commit.Outcome);
    }

    public BlockNode Mirror(int disk = 0) => Group.Disks[disk].CreateMirrorTarget(Session);

    /// <summary>A session of the mirror ends, and another one begins.</summary>
    public void BeginSession()
    {
        Session.Revoke();
        Session = new MirrorSessionState(Guid.NewGuid());
    }

    /// <summary>What the overlay files in a directory take, without the reserve.</summary>
    public async Task<long> AllocatedBytesAsync(string directory)
    {
        long bytes = 0;
        foreach (string path in Directory.EnumerateFiles(directory).Where(path => Path.GetFileName(path) != "reserve"))
        {
            await using RawFile file = RawFile.OpenReadOnly("file", path, _workers);
            for (long offset = 0; offset < file.LengthBytes;)
            {
                Extent extent = await file.StatusAsync(BlockRange.FromBounds(offset, file.LengthBytes));
                offset += extent.LengthBytes;
                if (!extent.Flags.HasFlag(ExtentFlags.Hole))
                    bytes += (extent.LengthBytes + 4095) / 4096 * 4096;
            }
        }

        return bytes;
    }

    /// <summary>Closes everything and opens it again.</summary>
    public async Task ReopenAsync()
    {
        await CloseAsync();
        Session = new MirrorSessionState(Guid.NewGuid());
        await OpenAsync();
    }

    /// <summary>What a kill at this moment leaves: copies of the files and of the disks, opened by a new process.</summary>
    public async Task<GroupFixture> KilledAsync()
    {
        var copy = new GroupFixture([.. Disks.Select(disk => Copy(disk))], Path.GetDirectoryName(_directory.Path));
        (copy.LimitBytes, copy.SoftLimitBytes, copy.HasSpill, copy.Power) = (LimitBytes, SoftLimitBytes, HasSpill, Power);
        foreach (string directory in (string[])["state", "overlay", "spill"])
        {
            if (!Directory.Exists(_directory[directory]))
                continue;
            Directory.CreateDirectory(copy._directory[directory]);
            foreach (string file in Directory.EnumerateFiles(_directory[directory]))
                await CopyAsync(file, Path.Combine(copy._directory[directory], Path.GetFileName(file)));
        }

        await copy.OpenAsync();
        return copy;
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _workers.Dispose();
        _directory.Dispose();
        // A flush may have brought the test to the worker's thread: the runner's next test must not begin there.
        await Task.Yield();
    }

    // The files are locked by the group that is to be killed; holes stay holes.
    private async Task CopyAsync(string source, string target)
    {
        await using RawFile from = RawFile.OpenReadOnly("source", source, _workers);
        await using RawFile to = RawFile.CreatePrivate("target", target, from.LengthBytes, _workers);
        for (long offset = 0; offset < from.LengthBytes;)
        {
            Extent extent = await from.StatusAsync(BlockRange.FromBounds(offset, from.LengthBytes));
            if (!extent.Flags.HasFlag(ExtentFlags.Hole))
            {
                byte[] content = new byte[extent.LengthBytes];
                await from.ReadAsync(offset, content);
                await to.WriteAsync(offset, content);
            }

            offset += extent.LengthBytes;
        }
    }

    private async Task CloseAsync()
    {
        await Group.DisposeAsync();
        await State.DisposeAsync();
    }

    private BlockNode Decorate(BlockNode node)
    {
        BlockNode decorated = node.Name == "record" ? new NoFlushNode(node) : node;
        return Wrap.TryGetValue(node.Name, out Func<BlockNode, BlockNode>? wrap) ? wrap(decorated) : decorated;
    }

    private static SwitchRequest Switch(Func<EpochRecord, EpochRecord> next) => new() { Next = next, Deadline = TimeSpan.FromSeconds(1) };

    private static MemoryNode Copy(MemoryNode disk)
    {
        var copy = new MemoryNode(disk.LengthBytes, disk.Name);
        _ = copy.WriteAsync(0, disk.Snapshot()).AsTask();
        return copy;
    }
}
