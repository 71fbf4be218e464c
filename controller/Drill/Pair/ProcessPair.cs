using Colo.Protocol.V1;
using Replication.Block;
using Replication.Controller.Nodes;
using Replication.Nbd;

namespace Replication.Controller.Drill.Pair;

/// <summary>A real primary and a real secondary, each a process, on loopback with ports of the kernel's choice.</summary>
internal sealed class ProcessPair(DrillOptions options, PairDirectory directory, TimeSpan timeout, TimeProvider time) : IDrillPair
{
    private NodeProcess? _primaryProcess;
    private NodeProcess? _secondaryProcess;
    private ReadyLine? _primaryReady;
    private ReadyLine? _secondaryReady;
    private NodeClient? _primary;
    private NodeClient? _secondary;
    private bool _primaryKilled;

    private NodeClient Primary => _primary ?? throw NotStarted();
    private NodeClient Secondary => _secondary ?? throw NotStarted();

    public async Task StartAsync(IReadOnlyList<byte[]> contents, CancellationToken cancellationToken)
    {
        for (int disk = 0; disk < options.Disks; disk++)
        {
            FirstContent.Save(directory.DiskPath(NodeSide.Primary, disk), contents[disk]);
            // Rubbish, also where the primary has holes: a sync that leaves any of it is found out.
            FirstContent.Save(directory.DiskPath(NodeSide.Secondary, disk), FirstContent.Create(~options.Seed, disk, options.SizeBytes));
        }

        _secondaryProcess = NodeProcess.Start(
            HostPrograms.Find("replication-secondary"), directory.WriteSecondaryConfig(options), directory.LogPath(NodeSide.Secondary));
        _secondaryReady = await _secondaryProcess.WaitReadyAsync(cancellationToken);
        _primaryProcess = NodeProcess.Start(
            HostPrograms.Find("replication-primary"), directory.WritePrimaryConfig(options, _secondaryReady), directory.LogPath(NodeSide.Primary));
        _primaryReady = await _primaryProcess.WaitReadyAsync(cancellationToken);
        _primary = Open(NodeSide.Primary, _primaryReady);
        _secondary = Open(NodeSide.Secondary, _secondaryReady);
        await PairStart.RunAsync(_primary, _secondary, PairStart.RequestOf(SyncMode.Auto), null, cancellationToken);
    }

    public async Task<BlockNode> ConnectAsync(NodeSide side, int disk, CancellationToken cancellationToken)
    {
        string address = (side == NodeSide.Primary ? _primaryReady : _secondaryReady)?.Guest[0] ?? throw NotStarted();
        return await NbdClient.ConnectAsync(NbdAddress.Parse(address), $"disk{disk}", cancellationToken: cancellationToken);
    }

    public Task<CheckpointResult> CheckpointAsync(CancellationToken cancellationToken) => PairCheckpoint.TakeAsync(Primary, Secondary, cancellationToken);

    public async Task<ulong> GetSecondaryEpochAsync(CancellationToken cancellationToken) => (await Secondary.GetStatusAsync(cancellationToken)).Epoch;

    public void KillPrimary()
    {
        _primaryKilled = true;
        (_primaryProcess ?? throw NotStarted()).Kill();
    }

    public Task<FailoverResponse> FailoverAsync(CancellationToken cancellationToken) =>
        Secondary.CallWatchedAsync((s, o) => s.FailoverAsync(new FailoverRequest(), o), null, cancellationToken);

    public Task<NodeStatus> WaitCommittedAsync(CancellationToken cancellationToken) => Promotion.WaitCommittedAsync(Secondary, _ => { }, cancellationToken);

    public Task StopReplicationAsync(CancellationToken cancellationToken) =>
        Primary.CallWatchedAsync((s, o) => s.StopAsync(new StopRequest(), o), null, cancellationToken);

    public async Task ShutDownAsync(CancellationToken cancellationToken)
    {
        if (!_primaryKilled)
            await _primaryProcess!.ShutDownAsync(cancellationToken);
        await _secondaryProcess!.ShutDownAsync(cancellationToken);
    }

    public Stream OpenImage(NodeSide side, int disk) => Libc.OpenLocked(directory.DiskPath(side, disk));

    public async ValueTask DisposeAsync()
    {
        _primary?.Dispose();
        _secondary?.Dispose();
        if (_primaryProcess is not null)
            await _primaryProcess.DisposeAsync();
        if (_secondaryProcess is not null)
            await _secondaryProcess.DisposeAsync();
    }

    private static InvalidOperationException NotStarted() => new("the pair has not been started");

    private NodeClient Open(NodeSide side, ReadyLine ready)
    {
        if (!NodeAddress.TryParse(ready.Control[0], out NodeAddress? address, out string? reason))
            throw new DrillException($"the ready line's control address '{ready.Control[0]}' {reason}");
        return new NodeClient(side, address, timeout, time);
    }
}
