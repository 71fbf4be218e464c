using Replication.Block;
using Replication.Block.Dirty;
using Replication.Block.Locks;
using Replication.Block.Overlay;
using Replication.Block.Quorums;
using Replication.Block.Replication;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Nbd;
using Replication.Roles;
using Replication.Roles.Mirror;

namespace Replication.Benchmarks.Contestants;

/// <summary>
/// A pair's whole data path in one process: guest export, quorum, replication filter, mirror link, NBD, mirror export, copy-before-write, overlays. What
/// it allocates is what the two services would.
/// </summary>
internal sealed class DataPath : IQuorumObserver, IMirrorSessionObserver, INbdExportCatalog, IAsyncDisposable
{
    private const int BlockBytes = 4096;

    private readonly TempDirectory _directory = new();
    private readonly long _diskBytes;
    private readonly Func<string, long, BlockNode> _create;
    private readonly BlockNode _primaryDisk;
    private readonly BlockNode _secondaryDisk;
    private readonly GroupState _group = new(TimeProvider.System, null) { Stage = NodeStage.Running };
    private readonly SecondaryDisk _disk;
    private readonly Quorum _quorum;
    private readonly MirrorSession _session;
    private readonly NbdServer _server;
    private readonly List<NbdExport> _exports = [];
    private IMirrorConnection? _connection;
    private OverlayLayers? _layers;
    private DirtyMarks? _marks;

    private DataPath(Acknowledge acknowledge, long diskBytes, Func<string, long, BlockNode> create)
    {
        (_diskBytes, _create) = (diskBytes, create);
        _primaryDisk = create("primary", diskBytes);
        _secondaryDisk = create("secondary", diskBytes);
        _disk = new SecondaryDisk(
            "disk0", _secondaryDisk, _secondaryDisk, BlockBytes, _group, power: false, TimeProvider.System, makeRoom: _ => new ValueTask<bool>(false));
        _quorum = new Quorum("quorum0", _primaryDisk, new GuestAdmission(), new GroupGate(TimeProvider.System), this);
        var options = new MirrorSessionOptions { Acknowledge = acknowledge, Deadline = TestTimeouts.Patience };
        _session = new MirrorSession(Guid.NewGuid(), options, this, TimeProvider.System);
        NbdListener listener = new(NbdAddress.Unix(_directory["nbd"]));
        Address = listener.LocalAddress;
        _server = new NbdServer([listener], this);
    }

    public NbdAddress Address { get; }

    public NbdAddress Guest => Address with { ExportName = "guest" };

    /// <param name="acknowledge">The mode.</param>
    /// <param name="diskBytes">Length of both disks.</param>
    /// <param name="create">Makes disks and overlays by name and length, without content; they are the path's.</param>
    public static async Task<DataPath> StartAsync(Acknowledge acknowledge, long diskBytes, Func<string, long, BlockNode> create)
    {
        var path = new DataPath(acknowledge, diskBytes, create);
        await path.CheckpointAsync();
        path._exports.Add(new NbdExport("guest", path._quorum));
        path._exports.Add(new NbdExport("mirror", path._disk.CreateMirrorTarget(new MirrorSessionState(path._session.Token))));
        path._server.Start();
        path._connection = await new NbdMirrorTransport(path.Address).ConnectAsync("mirror", CancellationToken.None);
        MirrorLink link = path._session.AddLink("disk0", path._connection);
        var filter = new PrimaryFilter("disk0.replication", link);
        filter.Run(ReplicationVerb.Start);
        await path._quorum.AddChildAsync(filter, link);
        return path;
    }

    /// <summary>New overlays: from here on every first write to a block is copied before.</summary>
    public async Task CheckpointAsync()
    {
        OverlayLayers? old = _layers;
        _layers = new OverlayLayers(await OverlayAsync("active"), await OverlayAsync("hidden"), power: false);
        _disk.CopyBeforeWrite.DoCheckpoint(_layers);
        if (old is not null)
            await old.DisposeAsync();
    }

    /// <summary>New dirty marks: from here on every first write to a block is marked before.</summary>
    public async Task MarkAsync()
    {
        DirtyMarks? old = _marks;
        _marks = new DirtyMarks(await BitmapAsync("dirty"), _diskBytes);
        await _quorum.MarkAsync(_marks);
        if (old is not null)
            await old.DisposeAsync();
    }

    /// <summary>From here on the secondary answers no write.</summary>
    public async Task HoldMirrorAsync() => Assert.True(await _group.Gate.CloseAsync(TestTimeouts.Patience));

    /// <summary>It answers again; returns when it has answered everything.</summary>
    public async Task ReleaseMirrorAsync()
    {
        _group.Gate.Open();
        await DrainAsync();
    }

    public async Task DrainAsync() => Assert.Equal(DrainResult.Drained, await _session.DrainAsync(TestTimeouts.Patience));

    public async Task AssertEqualDisksAsync()
    {
        await DrainAsync();
        await BlockAssert.SameAsync(_primaryDisk, _secondaryDisk);
    }

    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        if (_connection is not null)
            await _connection.DisposeAsync();
        await _server.DisposeAsync();
        if (_layers is not null)
            await _layers.DisposeAsync();
        if (_marks is not null)
            await _marks.DisposeAsync();
        await _primaryDisk.DisposeAsync();
        await _secondaryDisk.DisposeAsync();
        _directory.Dispose();
    }

    NbdExport? INbdExportCatalog.Find(string name) => _exports.Find(export => export.Name == name);

    IReadOnlyList<NbdExport> INbdExportCatalog.List() => _exports;

    void IQuorumObserver.LocalFailed(Quorum quorum, BlockException failure) => Invariant.Broken("nothing fails here", failure);

    void IQuorumObserver.ForwardFailed(Quorum quorum, BlockException failure, bool localFailedToo) => Invariant.Broken("nothing fails here", failure);

    void IMirrorSessionObserver.Suspicious(MirrorSession session)
    {
    }

    void IMirrorSessionObserver.Unheard(MirrorSession session)
    {
    }

    void IMirrorSessionObserver.Lost(MirrorSession session, MirrorLoss loss)
    {
    }

    private async Task<BlockOverlay> OverlayAsync(string name)
    {
        var room = new OverlayRoom(OverlayBudget.Unlimited(), null);
        return new BlockOverlay(
            OverlayFile.Create(_create(name, _diskBytes), await BitmapAsync($"{name}.marks"), null, room.Main), null, room, isGuests: name == "active");
    }

    private ValueTask<PersistentBitmap> BitmapAsync(string name) =>
        PersistentBitmap.CreateAsync(_create(name, PersistentBitmap.FileBytes(_diskBytes, BlockBytes)), _diskBytes, BlockBytes);
}
