using Replication.Block;
using Replication.Block.State;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;
using Replication.Roles.Tests.Pair;
using Replication.Testing;

namespace Replication.Roles.Tests.Jobs;

/// <summary>A pair whose secondary makes backups into memory.</summary>
internal sealed class JobPair : IAsyncDisposable
{
    public const string View = "disk0";
    public const string Disk = "disk0.secondary";
    public const int LengthBytes = (256 << 10) + 512;

    private readonly Dictionary<string, HeldTarget> _targets = [];

    public JobPair(long overlayLimit = TestPair.OverlayLimitBytes) => Pair = new TestPair(diskBytes: LengthBytes)
    {
        OverlayLimit = overlayLimit,
        OpenTarget = (command, _, _) => new ValueTask<IBackupTarget>(_targets[command.Target]),
    };

    public TestPair Pair { get; }

    public BlockNode Guest => Pair.Guest();

    public BlockNode SecondaryGuest => Pair.View();

    public Replication.Roles.Jobs.NodeJobs Jobs => Pair.Secondary!.Jobs;

    public static async Task<JobPair> StartedAsync(long overlayLimit = TestPair.OverlayLimitBytes)
    {
        var pair = new JobPair(overlayLimit);
        await pair.Pair.OpenPrimaryAsync();
        await pair.Pair.OpenSecondaryAsync();
        await pair.Pair.StartAsync();
        return pair;
    }

    public HeldTarget Target(string name, bool isHeld = false)
    {
        var target = new HeldTarget(name, LengthBytes, isHeld);
        _targets.Add(name, target);
        return target;
    }

    /// <summary>A backup that has begun.</summary>
    public async Task<HeldTarget> BackupAsync(
        string device, string target, BackupSync sync = BackupSync.Full, string? bitmap = null, BitmapMode? mode = null, bool isHeld = false,
        int workers = 64, params TransactionAction[] before)
    {
        HeldTarget made = Target(target, isHeld);
        BackupCommand command = Command(device, target, sync, bitmap, mode) with { MaxWorkers = workers, MaxChunkBytes = TestPair.BlockBytes };
        await Jobs.Commands.TransactAsync([.. before, new TransactionAction.Backup(command)], isGrouped: false, default);
        return made;
    }

    /// <summary>A backup that has ended well.</summary>
    public async Task<HeldTarget> BackedUpAsync(
        string device, string target, BackupSync sync = BackupSync.Full, string? bitmap = null, params TransactionAction[] before)
    {
        HeldTarget made = await BackupAsync(device, target, sync, bitmap, null, before: before);
        await EndedAsync(made);
        Assert.True(made.IsSealed);
        return made;
    }

    public static BackupCommand Command(string device, string target, BackupSync sync = BackupSync.Full, string? bitmap = null, BitmapMode? mode = null) =>
        new() { Device = device, Target = target, Sync = sync, Bitmap = bitmap, BitmapMode = mode };

    public Task TransactAsync(params TransactionAction[] actions) => Jobs.Commands.TransactAsync(actions, isGrouped: false, default);

    public Task EndedAsync(HeldTarget target) => Eventually.TrueAsync(() => target.IsClosed && Jobs.Engine.Query().Count == 0);

    /// <summary>The pair replicates again after its secondary was opened anew.</summary>
    public async Task ReconnectAsync()
    {
        Pair.Transport.Cut("the secondary has ended");
        await Eventually.TrueAsync(() => Pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await Pair.StartAsync();
    }

    public BitmapInfo Bitmap(string device, string name) => Jobs.QueryBitmaps(device).Single(bitmap => bitmap.Name == name);

    public Task<byte[]> ViewAsync() => SecondaryGuest.ReadAllAsync();

    public async ValueTask DisposeAsync()
    {
        // The node's end waits for its jobs, and a test that fails may have left a target held.
        foreach (HeldTarget target in _targets.Values)
            await target.LetGoAsync();
        await Pair.DisposeAsync();
    }
}
