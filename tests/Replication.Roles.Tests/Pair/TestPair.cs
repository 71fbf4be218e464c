using Replication.Block;
using Replication.Block.Faults;
using Replication.Block.Files;
using Replication.Block.State;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>
/// Two whole nodes face to face in one process: real roles, real block chain, state and overlays in files, disks in memory, control calls and mirror without
/// sockets. A node can be killed (its object is dropped without being closed in order) and restarted on what it left.
/// </summary>
internal sealed class TestPair : IAsyncDisposable
{
    public const int BlockBytes = 4096;
    public const long OverlayLimitBytes = 16 << 20;

    private readonly TempDirectory _directory = new();
    private int _primaryLife; // how often it has been killed
    private int _secondaryLife; // likewise
    private readonly Dictionary<string, MemoryNode[]> _secondaries = []; // the disks of every machine that has been the secondary
    private string _secondary = ""; // the machine that is it now
    private readonly BlockingWorkers _workers = new("test", 2);

    public TestPair(int disks = 1, long diskBytes = (1 << 20) + 512, Acknowledge acknowledge = Acknowledge.Applied, byte fill = 0x11)
    {
        Acknowledge = acknowledge;
        PrimaryDisks = [.. Enumerable.Range(0, disks).Select(i => new MemoryNode(diskBytes, $"disk{i}", fill))];
        SecondaryDisks = BlankDisks();
        _secondaries.Add(_secondary, SecondaryDisks);
        Transport = new InProcessTransport(() => Secondary);
    }

    public Acknowledge Acknowledge { get; }
    public long WindowBytes { get; init; } = 64 << 20;
    public long OverlayLimit { get; init; } = OverlayLimitBytes;

    /// <summary>Nodes that are opened from here on come back by themselves, or wait for the verb.</summary>
    public ResyncPolicy Resync { get; set; } = ResyncPolicy.Manual;

    /// <summary>Of nodes that are opened from here on.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The machines' boot; another one for a node that is opened after a reboot.</summary>
    public Guid Boot { get; set; } = Guid.NewGuid();

    /// <summary>Of nodes that are opened from here on.</summary>
    public Durability Durability { get; set; }

    /// <summary>A node's own directories, by their last name; null: where nodes have them.</summary>
    public Func<string, IFileStore?>? OpenFiles { get; set; }

    /// <summary>Targets of backups, by name; either node may open each of them.</summary>
    public Dictionary<string, MemoryNode> Targets { get; } = [];

    /// <summary>Opens the targets of backups instead; null: they are <see cref="Targets"/>.</summary>
    public Func<BackupCommand, long, CancellationToken, ValueTask<IBackupTarget>>? OpenTarget { get; init; }

    public MemoryNode[] PrimaryDisks { get; }
    public MemoryNode[] SecondaryDisks { get; private set; }
    public FaultInjector PrimaryFaults { get; } = new(TimeProvider.System);
    public FaultInjector SecondaryFaults { get; } = new(TimeProvider.System);
    public TestJournal PrimaryJournal { get; } = new();
    public TestJournal SecondaryJournal { get; } = new();
    public InProcessTransport Transport { get; }
    public GroupNode Primary { get; private set; } = null!;
    public GroupNode? Secondary { get; private set; }

    /// <summary>What each side's calls to the other pass through.</summary>
    public PeerLink ToSecondary { get; private set; } = new();
    public PeerLink ToPrimary { get; } = new();

    public BlockNode Guest(int disk = 0) => Primary.GuestExports.Find($"disk{disk}")!.Node;

    public BlockNode View(int disk = 0) => Secondary!.GuestExports.Find($"disk{disk}")!.Node;

    public static async Task<TestPair> OpenAsync(int disks = 1, Acknowledge acknowledge = Acknowledge.Applied)
    {
        var pair = new TestPair(disks, acknowledge: acknowledge);
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        return pair;
    }

    /// <summary>Open, and replicating.</summary>
    public static async Task<TestPair> StartedAsync(int disks = 1, Acknowledge acknowledge = Acknowledge.Applied)
    {
        TestPair pair = await OpenAsync(disks, acknowledge);
        await pair.StartAsync();
        return pair;
    }

    public Task<StartResult> StartAsync(SyncMode sync = SyncMode.Auto) => Primary.StartAsync(NodeRole.Primary, sync, abandonView: false, default);

    public async Task<ulong> CheckpointAsync()
    {
        BegunCheckpoint begun = await Primary.BeginCheckpointAsync(0, null, default);
        await Secondary!.CommitCheckpointAsync(begun.ToCommit(), default);
        return (await Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Committed, default)).Epoch;
    }

    public async Task OpenPrimaryAsync()
    {
        Primary = await GroupNode.OpenAsync(Options(NodeRole.Primary), Services(PrimaryJournal, PrimaryDisks, PrimaryFaults, ToSecondary));
        ToPrimary.Target = Primary;
        Primary.Begin();
    }

    public async Task OpenSecondaryAsync()
    {
        Secondary = await GroupNode.OpenAsync(Options(NodeRole.Secondary), Services(SecondaryJournal, SecondaryDisks, SecondaryFaults, ToPrimary));
        ToSecondary.Target = Secondary;
        Secondary.Begin();
    }

    /// <summary>The primary ends in order and is opened again on its state.</summary>
    public async Task RestartPrimaryAsync()
    {
        await Primary.DisposeAsync();
        await OpenPrimaryAsync();
    }

    /// <summary>
    /// The primary is killed at this instant and opened again on what it has left: a copy of its state and its
    /// disks. The dead one is cut off from everybody before it can do more.
    /// </summary>
    /// <param name="whenDead">Runs when the dead one can reach nobody any more.</param>
    /// <param name="damage">What happens to the state directory before it is opened.</param>
    public async Task KillPrimaryAsync(Action? whenDead = null, Action<string>? damage = null)
    {
        string left = Options(NodeRole.Primary).StateDirectory;
        _primaryLife++;
        string found = Options(NodeRole.Primary).StateDirectory;
        Directory.CreateDirectory(found);
        foreach (string file in Directory.EnumerateFiles(left))
            await CopyLockedAsync(file, Path.Combine(found, Path.GetFileName(file)));
        for (int i = 0; i < PrimaryDisks.Length; i++)
        {
            var disk = new MemoryNode(PrimaryDisks[i].LengthBytes, PrimaryDisks[i].Name);
            await disk.WriteAsync(0, PrimaryDisks[i].Snapshot());
            PrimaryDisks[i] = disk;
        }

        ToSecondary.IsCut = true;
        ToSecondary = new PeerLink { Target = Secondary };
        Transport.Cut("the primary has been killed");
        whenDead?.Invoke();
        await Primary.DisposeAsync();
        damage?.Invoke(found);
        await OpenPrimaryAsync();
    }

    /// <summary>
    /// The secondary is killed at this instant and opened again on what it has left: a copy of its state, its overlays and its disks. The dead one is cut off
    /// from everybody before it can do more.
    /// </summary>
    /// <param name="whenDead">Runs when the dead one can reach nobody any more, before its memory is given back.</param>
    public async Task KillSecondaryAsync(Func<Task>? whenDead = null)
    {
        string[] left = [Options(NodeRole.Secondary).StateDirectory, _directory[OverlayName]];
        _secondaryLife++;
        string[] found = [Options(NodeRole.Secondary).StateDirectory, _directory[OverlayName]];
        for (int i = 0; i < left.Length; i++)
        {
            Directory.CreateDirectory(found[i]);
            foreach (string file in Directory.GetFiles(left[i]))
                await CopyIfThereAsync(file, Path.Combine(found[i], Path.GetFileName(file)));
        }

        for (int i = 0; i < SecondaryDisks.Length; i++)
        {
            var disk = new MemoryNode(SecondaryDisks[i].LengthBytes, SecondaryDisks[i].Name);
            await disk.WriteAsync(0, SecondaryDisks[i].Snapshot());
            SecondaryDisks[i] = disk;
        }

        ToSecondary.Target = null;
        Transport.Cut("the secondary has been killed");
        if (whenDead is not null)
            await whenDead();
        await Secondary!.DisposeAsync();
        await OpenSecondaryAsync();
    }

    /// <summary>What the primary's disks have marked, all together.</summary>
    public long DirtyBytes() => Primary.GetStatus().Disks.Sum(disk => disk.DirtyBytes);

    /// <summary>The secondary ends in order and is opened again on its state and overlays.</summary>
    public async Task RestartSecondaryAsync()
    {
        await Secondary!.DisposeAsync();
        await OpenSecondaryAsync();
    }

    /// <summary>Another secondary, which knows nothing.</summary>
    public async Task ReplaceSecondaryAsync()
    {
        await Secondary!.DisposeAsync();
        Directory.Delete(Options(NodeRole.Secondary).StateDirectory, recursive: true);
        Directory.Delete(_directory[OverlayName], recursive: true);
        await OpenSecondaryAsync();
    }

    /// <summary>
    /// Another machine takes the secondary's place, with its own disks, state and overlays: a blank one, or the one of that name as it was left.
    /// </summary>
    public async Task UseSecondaryAsync(string name)
    {
        await Secondary!.DisposeAsync();
        _secondary = name;
        if (!_secondaries.ContainsKey(name))
            _secondaries.Add(name, BlankDisks());
        SecondaryDisks = _secondaries[name];
        await OpenSecondaryAsync();
    }

    /// <summary>Another machine, as it was left, beside the secondary; its calls go to the primary.</summary>
    public Task<GroupNode> OpenBesideAsync(string name)
    {
        (string now, _secondary) = (_secondary, name);
        NodeOptions options = Options(NodeRole.Secondary);
        _secondary = now;
        return GroupNode.OpenAsync(options, Services(new TestJournal(), _secondaries[name], new FaultInjector(TimeProvider.System), ToPrimary));
    }

    /// <summary>Which way the last sync went.</summary>
    public string LastWay() => (string)PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"];

    /// <summary>Completes when nothing is marked: every write has been answered and flushed.</summary>
    public Task CleanAsync() => Eventually.TrueAsync(() => DirtyBytes() == 0);

    /// <summary>A secondary of another group, with a state of its own, on this one's overlay directory.</summary>
    public async Task OpenStrangerAsync()
    {
        NodeOptions options = Options(NodeRole.Secondary, "vm2") with { StateDirectory = _directory["state-stranger"] };
        await using GroupNode stranger = await GroupNode.OpenAsync(options, Services(new TestJournal(), SecondaryDisks, SecondaryFaults, ToPrimary));
    }

    /// <summary>Both disks of every number hold the same bytes.</summary>
    public async Task DisksAreEqualAsync()
    {
        for (int i = 0; i < PrimaryDisks.Length; i++)
            await BlockAssert.SameAsync(PrimaryDisks[i], SecondaryDisks[i]);
    }

    public async ValueTask DisposeAsync()
    {
        if (Secondary is not null)
            await Secondary.DisposeAsync();
        if (Primary is not null)
            await Primary.DisposeAsync();
        _workers.Dispose();
        _directory.Dispose();
    }

    // The overlays of an older epoch are given back in the background: a kill finds each of their files, or not.
    private async Task CopyIfThereAsync(string from, string to)
    {
        try
        {
            await CopyLockedAsync(from, to);
        }
        catch (DiskOpenException) when (!File.Exists(from))
        {
        }
    }

    // File.Copy would ask for a lock, and the node has it.
    private async Task CopyLockedAsync(string from, string to)
    {
        await using var source = RawFile.OpenReadOnly("left", from, _workers);
        await File.WriteAllBytesAsync(to, await source.ReadAllAsync());
    }

    private MemoryNode[] BlankDisks() => [.. PrimaryDisks.Select(disk => new MemoryNode(disk.LengthBytes, disk.Name, fill: 0x77))];

    private string OverlayName => $"overlay{_secondary}{Life(_secondaryLife)}";

    private static string Life(int life) => life > 0 ? $"-{life}" : "";

    private string StateName(NodeRole role) =>
        role == NodeRole.Secondary ? $"state-{role}{_secondary}{Life(_secondaryLife)}" : _primaryLife > 0 ? $"state-{role}-{_primaryLife}" : $"state-{role}";

    private NodeOptions Options(NodeRole role, string group = "vm1") => new()
    {
        Group = group,
        Durability = Durability,
        StateDirectory = _directory[StateName(role)],
        InitialRole = role,
        Disks = [.. PrimaryDisks.Select((_, i) => new DiskOptions($"disk{i}", $"disk{i}"))],
        Overlay = role == NodeRole.Secondary ? new OverlayOptions(_directory[OverlayName], BlockBytes, OverlayLimit, OverlayLimit / 4 * 3) : null,
        Mirror = new MirrorOptions(Acknowledge, TimeSpan.FromSeconds(2), WindowBytes, AllowPlain: false) { Resync = Resync },
        Peer = new PeerOptions("secondary", "secondary-mirror", TimeSpan.FromSeconds(30)),
        OwnControl = role == NodeRole.Primary ? "primary" : "secondary",
    };

    private NodeServices Services(TestJournal journal, MemoryNode[] disks, FaultInjector faults, PeerLink link) => new()
    {
        Journal = journal,
        Log = new TestLog(),
        Workers = _workers,
        ConnectPeer = _ => link,
        ConnectMirror = _ => Transport,
        OpenDisk = disk => disks.Single(node => node.Name == disk.Name),
        Decorate = faults.Decorate,
        Time = Time,
        BootId = () => Boot,
        SmallestClusterBytes = BlockBytes,
        OpenTarget = OpenTarget ?? ((command, _, _) => new ValueTask<IBackupTarget>(new MemoryTarget(Targets[command.Target]))),
        OpenFiles = path => OpenFiles?.Invoke(Path.GetFileName(path)) ?? new FileStore(path, _workers),
    };
}
