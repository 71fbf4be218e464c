using Replication.Block;
using Replication.Block.Locks;
using Replication.Block.Overlay;
using Replication.Block.Quorums;
using Replication.Block.Replication;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Nbd;
using Replication.Roles;
using Replication.Roles.Mirror;

namespace Replication.Benchmarks.Tiny;

/// <summary>
/// A pair's whole data path in one process, over disks in memory: guest export, quorum, replication filter, mirror link, NBD, mirror export, copy-before-write, overlays. What
/// it allocates is what the two services would.
/// </summary>
internal sealed class DataPath : IQuorumObserver, IMirrorSessionObserver, INbdExportCatalog, IAsyncDisposable
{
    public const int DiskBytes = 16 << 20;
    private const int BlockBytes = 4096;

    private readonly TempDirectory _directory = new();
    private readonly MemoryNode _primaryDisk = new(DiskBytes, "primary", 0x11);
    private readonly MemoryNode _secondaryDisk = new(DiskBytes, "secondary", 0x11);
    private readonly GroupState _group = new(TimeProvider.System, null) { Stage = NodeStage.Running };
    private readonly SecondaryDisk _disk;
    private readonly Quorum _quorum;
    private readonly MirrorSession _session;
    private readonly NbdServer _server;
    private readonly List<NbdExport> _exports = [];
    private IMirrorConnection? _connection;

    private DataPath(Acknowledge acknowledge)
    {
        _disk = new SecondaryDisk("disk0", _secondaryDisk, _secondaryDisk, BlockBytes, _group);
        _quorum = new Quorum("quorum0", _primaryDisk, new GuestAdmission(), new GroupGate(TimeProvider.System), this);
        var options = new MirrorSessionOptions { Acknowledge = acknowledge, Deadline = TestTimeouts.Patience };
        _session = new MirrorSession(Guid.NewGuid(), options, this, TimeProvider.System);
        NbdListener listener = new(NbdAddress.Unix(_directory["nbd"]));
        Address = listener.LocalAddress;
        _server = new NbdServer([listener], this);
    }

    public NbdAddress Address { get; }

    public NbdAddress Guest => Address with { ExportName = "guest" };

    public static async Task<DataPath> StartAsync(Acknowledge acknowledge)
    {
        var path = new DataPath(acknowledge);
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
    public async Task CheckpointAsync() => _disk.CopyBeforeWrite.DoCheckpoint(new OverlayLayers(await OverlayAsync(), await OverlayAsync()));

    public async Task AssertEqualDisksAsync()
    {
        Assert.Equal(DrainResult.Drained, await _session.DrainAsync(TestTimeouts.Patience));
        await BlockAssert.SameAsync(_primaryDisk, _secondaryDisk);
    }

    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        if (_connection is not null)
            await _connection.DisposeAsync();
        await _server.DisposeAsync();
        _directory.Dispose();
    }

    NbdExport? INbdExportCatalog.Find(string name) => _exports.Find(export => export.Name == name);

    IReadOnlyList<NbdExport> INbdExportCatalog.List() => _exports;

    void IQuorumObserver.LocalFailed(Quorum quorum, BlockException failure) => Invariant.Broken("nothing fails here", failure);

    void IQuorumObserver.ForwardFailed(Quorum quorum, BlockException failure, bool localFailedToo) => Invariant.Broken("nothing fails here", failure);

    void IMirrorSessionObserver.Suspicious(MirrorSession session)
    {
    }

    void IMirrorSessionObserver.Lost(MirrorSession session, MirrorLoss loss)
    {
    }

    private static async Task<BlockOverlay> OverlayAsync()
    {
        var marks = new MemoryNode(PersistentBitmap.FileBytes(DiskBytes, BlockBytes), "marks");
        return new BlockOverlay(new MemoryNode(DiskBytes, "data"), await PersistentBitmap.CreateAsync(marks, DiskBytes, BlockBytes));
    }
}
