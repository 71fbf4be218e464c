using System.Runtime.CompilerServices;
using Replication.Block.Locks;
using Replication.Block.Overlay;
using Replication.Block.Secondary;
using Replication.Block.State;

namespace Replication.Block.Replication;

/// <summary>The replication node on a secondary: where the secondary's guest reads and writes one disk.</summary>
/// <remarks>
/// Routes every request by <see cref="ReplicationTable"/>. A request enters the group's gate once and stays inside until it has completed, so it is wholly
/// before or wholly after a checkpoint or a failover, all its blocks. A write holds the locks of its blocks from lookup to completion (order: gate, block locks
/// in one range, bitmap words); reads hold no lock and check again instead (<see cref="LayerReader"/>).
/// </remarks>
internal sealed class ReplicationNode : BlockNode
{
    private readonly SecondaryDisk _disk;
    private readonly GroupState _group;
    private readonly GuestWriter _writer;

    public ReplicationNode(SecondaryDisk disk, GroupState group)
        : base(disk.Name, disk.LengthBytes, NodeCapabilities.AllNative with { Fua = Capability.Emulated })
    {
        _disk = disk;
        _group = group;
        _writer = new GuestWriter(disk, group);
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => ReadInsideAsync(offsetBytes, buffer);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        WriteInsideAsync(new WriteRequest(offsetBytes, data, flags));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => WriteInsideAsync(new WriteRequest(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => WriteInsideAsync(new WriteRequest(range, flags));

    protected override async ValueTask<Extent> StatusCore(BlockRange range)
    {
        GateTicket gate = await _group.Gate.EnterAsync();
        try
        {
            return await StatusHeldAsync(range);
        }
        finally
        {
            _group.Gate.Exit(gate);
        }
    }

    /// <summary>Status of what <see cref="ReadHeldAsync"/> reads; the caller holds the gate.</summary>
    internal ValueTask<Extent> StatusHeldAsync(BlockRange range) => ReplicationTable.Read(NodeRole.Secondary, _group.ReplicationStage) switch
    {
        IoRoute.Chain => _disk.Reader.StatusAsync(Layers(BlockOperation.Status, range), range),
        IoRoute.Direct => _disk.Node.StatusAsync(range),
        _ => throw Refused(BlockOperation.Status, range),
    };

    /// <summary>A read of the view; the caller holds the gate.</summary>
    internal ValueTask ReadHeldAsync(long offsetBytes, Memory<byte> buffer) => ReplicationTable.Read(NodeRole.Secondary, _group.ReplicationStage) switch
    {
        IoRoute.Chain => _disk.Reader.ReadAsync(Layers(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length)), offsetBytes, buffer),
        IoRoute.Direct => _disk.Node.ReadAsync(offsetBytes, buffer),
        _ => throw Refused(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length)),
    };

    // Under Durability: process overlays survive kills, not reboots: a flush has nothing to do for them. What went to the secondary disk itself is flushed. The
    // gate is not held, and FUA is a write and then this, as a checkpoint must not wait for a device; the disk stays while the layers come and go.
    protected override ValueTask FlushCore()
    {
        OverlayLayers? layers = _disk.CopyBeforeWrite.Layers is { IsPower: true } found ? found : null;
        return ReplicationTable.Write(NodeRole.Secondary, _group.ReplicationStage) switch
        {
            IoRoute.Active => layers is null ? default : PersistAsync(layers),
            IoRoute.Split => layers is null ? _disk.Flushes.FlushForGuestAsync() : PersistThenFlushAsync(layers),
            IoRoute.Direct => _disk.Flushes.FlushForGuestAsync(),
            _ => throw Refused(BlockOperation.Flush, default),
        };
    }

    private async ValueTask PersistAsync(OverlayLayers layers)
    {
        try
        {
            await layers.Active.PersistAllAsync();
        }
        catch (BlockException) when (_disk.CopyBeforeWrite.Layers != layers)
        {
            // A checkpoint has dropped what was to be kept, or the commit has put it into the disk.
        }
    }

    // Blocks move from the overlay to the disk, never back: in this order none is missed.
    private async ValueTask PersistThenFlushAsync(OverlayLayers layers)
    {
        await PersistAsync(layers);
        await _disk.Flushes.FlushForGuestAsync();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadInsideAsync(long offsetBytes, Memory<byte> buffer)
    {
        if (!_group.Gate.TryEnter(out GateTicket gate))
            gate = await _group.Gate.EnterAsync();
        try
        {
            await ReadHeldAsync(offsetBytes, buffer);
        }
        catch (BlockException e) when (e.Kind != BlockErrorKind.Stage)
        {
            _group.Report(_disk.FailureOf(e), _disk.Name, e);
            throw;
        }
        finally
        {
            _group.Gate.Exit(gate);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteInsideAsync(WriteRequest request)
    {
        if (!_group.Gate.TryEnter(out GateTicket gate))
            gate = await _group.Gate.EnterAsync();
        try
        {
            IoRoute route = _group.Stage == NodeStage.Stopped ? IoRoute.Refuse : ReplicationTable.Write(NodeRole.Secondary, _group.ReplicationStage);
            if (route == IoRoute.Refuse)
                throw Refused(request.Operation, request.Range);
            RangeLock.Ticket blocks = await _disk.BlockLocks.AcquireAsync(_disk.AlignOut(request.Range));
            try
            {
                await _writer.WriteAsync(route, request, route == IoRoute.Direct ? null : Layers(request.Operation, request.Range));
            }
            finally
            {
                _disk.BlockLocks.Release(blocks);
            }
        }
        finally
        {
            _group.Gate.Exit(gate);
        }
    }

    // A record can name overlays that did not survive: then there is no view to serve.
    private OverlayLayers Layers(BlockOperation operation, BlockRange range) =>
        _disk.CopyBeforeWrite.Layers ?? throw Error(BlockErrorKind.Stage, operation, range, "the overlays of this secondary are lost");

    private BlockException Refused(BlockOperation operation, BlockRange range) =>
        Error(BlockErrorKind.Stage, operation, range, $"the secondary is {_group.Stage} and does not serve this");
}
