using System.Net;
using Colo.Protocol.V1;
using Replication.Block;
using Replication.Controller.Nodes;
using Replication.Nbd;

namespace Replication.Controller.Drill.Pair;

/// <summary>A real primary and a real secondary, each a process, on loopback with ports of the kernel's choice.</summary>
internal sealed class ProcessPair(DrillOptions options, PairShape shape, PairDirectory directory, TimeSpan timeout, TimeProvider time) : IDrillPair
{
    private readonly Life?[] _lives = new Life?[2]; // by side
    private readonly List<LinkRelay> _relays = [];

    private NodeClient Primary => LifeOf(NodeSide.Primary).Client;
    private NodeClient Secondary => LifeOf(NodeSide.Secondary).Client;

    public async Task StartAsync(IReadOnlyList<byte[]> contents, CancellationToken cancellationToken)
    {
        for (int disk = 0; disk < options.Disks; disk++)
        {
            FirstContent.Save(directory.DiskPath(NodeSide.Primary, disk), contents[disk]);
            // Rubbish, also where the primary has holes: a sync that leaves any of it is found out.
            FirstContent.Save(directory.DiskPath(NodeSide.Secondary, disk), FirstContent.Create(~options.Seed, disk, options.SizeBytes));
        }

        await BeginAsync(NodeSide.Secondary, directory.WriteSecondaryConfig(options, shape), cancellationToken);
        ReadyLine secondary = LifeOf(NodeSide.Secondary).Ready;
        string config = directory.WritePrimaryConfig(options, shape, Through(secondary.Control[0]), Through(secondary.Mirror[0]));
        await BeginAsync(NodeSide.Primary, config, cancellationToken);
        await PairStart.RunAsync(Primary, Secondary, PairStart.RequestOf(SyncMode.Auto), null, cancellationToken);
    }

    public async Task<BlockNode> ConnectAsync(NodeSide side, int disk, CancellationToken cancellationToken) =>
        await NbdClient.ConnectAsync(NbdAddress.Parse(LifeOf(side).Ready.Guest[0]), $"disk{disk}", cancellationToken: cancellationToken);

    public Task<CheckpointResult> CheckpointAsync(CancellationToken cancellationToken) => PairCheckpoint.TakeAsync(Primary, Secondary, cancellationToken);

    public async Task<ulong> GetSecondaryEpochAsync(CancellationToken cancellationToken) => (await Secondary.GetStatusAsync(cancellationToken)).Epoch;

    public void Kill(NodeSide side)
    {
        LifeOf(side).IsOver = true;
        LifeOf(side).Process.Kill();
    }

    public async Task RestartAsync(NodeSide side, CancellationToken cancellationToken)
    {
        ReadyLine ready = LifeOf(side).Ready;
        await LifeOf(side).DisposeAsync();
        await BeginAsync(side, directory.KeepAddresses(side, ready), cancellationToken);
    }

    public Task FreezeAsync(NodeSide side, CancellationToken cancellationToken) => LifeOf(side).Process.FreezeAsync(cancellationToken);

    public void Thaw(NodeSide side) => LifeOf(side).Process.Thaw();

    public void CutLink(bool bothWays) => _relays.ForEach(relay => relay.Cut(bothWays));

    public void HealLink() => _relays.ForEach(relay => relay.Heal());

    public Task<NodeStatus> GetStatusAsync(NodeSide side, CancellationToken cancellationToken) => LifeOf(side).Client.GetStatusAsync(cancellationToken);

    public async Task<long> ResyncAsync(CancellationToken cancellationToken) =>
        (await Primary.CallWatchedAsync((s, o) => s.ResyncAsync(new ResyncRequest { Versions = NodeClient.Versions }, o), null, cancellationToken)).SyncedBytes;

    public async Task<int> CountEventsAsync(NodeSide side, string type, CancellationToken cancellationToken)
    {
        int count = 0;
        await foreach (Event told in LifeOf(side).Client.WatchEventsAsync(0, follow: false, cancellationToken))
            count += told.Type == type ? 1 : 0;
        return count;
    }

    public Task<FailoverResponse> FailoverAsync(CancellationToken cancellationToken) =>
        Secondary.CallWatchedAsync((s, o) => s.FailoverAsync(new FailoverRequest(), o), null, cancellationToken);

    public Task<NodeStatus> WaitCommittedAsync(CancellationToken cancellationToken) => Promotion.WaitCommittedAsync(Secondary, _ => { }, cancellationToken);

    public Task StopReplicationAsync(CancellationToken cancellationToken) =>
        Primary.CallWatchedAsync((s, o) => s.StopAsync(new StopRequest(), o), null, cancellationToken);

    public async Task ShutDownAsync(CancellationToken cancellationToken)
    {
        foreach (NodeSide side in new[] { NodeSide.Primary, NodeSide.Secondary })
        {
            if (!LifeOf(side).IsOver)
                await LifeOf(side).Process.ShutDownAsync(cancellationToken);
        }
    }

    public Stream OpenImage(NodeSide side, int disk) => Libc.OpenLocked(directory.DiskPath(side, disk));

    public async ValueTask DisposeAsync()
    {
        foreach (Life? life in _lives)
        {
            if (life is not null)
                await life.DisposeAsync();
        }

        foreach (LinkRelay relay in _relays)
            await relay.DisposeAsync();
    }

    private Life LifeOf(NodeSide side) => _lives[(int)side] ?? throw new InvalidOperationException("the pair has not been started");

    private async Task BeginAsync(NodeSide side, string config, CancellationToken cancellationToken)
    {
        NodeProcess process = NodeProcess.Start(
            HostPrograms.Find(side == NodeSide.Primary ? "replication-primary" : "replication-secondary"), config, directory.LogPath(side));
        try
        {
            ReadyLine ready = await process.WaitReadyAsync(cancellationToken);
            _lives[(int)side] = new Life(process, ready, Open(side, ready));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>The address as the primary gets it: behind a relay, where there are any.</summary>
    private string Through(string address)
    {
        if (!shape.Relayed)
            return address;
        var uri = new Uri(address);
        var relay = new LinkRelay(new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port));
        _relays.Add(relay);
        return $"{uri.Scheme}://{uri.Host}:{relay.Port}";
    }

    private NodeClient Open(NodeSide side, ReadyLine ready)
    {
        if (!NodeAddress.TryParse(ready.Control[0], out NodeAddress? address, out string? reason))
            throw new DrillException($"the ready line's control address '{ready.Control[0]}' {reason}");
        return new NodeClient(side, address, timeout, time);
    }

    /// <summary>One process, from its ready line to its end.</summary>
    private sealed class Life(NodeProcess process, ReadyLine ready, NodeClient client) : IAsyncDisposable
    {
        public NodeProcess Process => process;
        public ReadyLine Ready => ready;
        public NodeClient Client => client;

        /// <summary>It was killed: nothing is left to be ended well.</summary>
        public bool IsOver { get; set; }

        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            await process.DisposeAsync();
        }
    }
}
