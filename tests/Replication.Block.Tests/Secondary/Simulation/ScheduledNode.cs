namespace Replication.Block.Tests.Secondary.Simulation;

/// <summary>A node whose operations are done when the schedule says.</summary>
internal sealed class ScheduledNode(BlockNode child, Schedule schedule, bool mayFail) : BlockNode(child.Name, child.LengthBytes, NodeCapabilities.AllNative)
{
    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) =>
        schedule.Run(() => child.ReadAsync(offsetBytes, buffer), Failure(BlockOperation.Read));

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        schedule.Run(() => child.WriteAsync(offsetBytes, data, flags), Failure(BlockOperation.Write));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) =>
        schedule.Run(() => child.WriteZeroesAsync(range, flags), Failure(BlockOperation.WriteZeroes));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => schedule.Run(() => child.DiscardAsync(range, flags), null);

    protected override ValueTask FlushCore() => schedule.Run(child.FlushAsync, null);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => child.StatusAsync(range);

    private Func<BlockException>? Failure(BlockOperation operation) =>
        mayFail ? () => Error(BlockErrorKind.Io, operation, default, "fails by schedule") : null;
}
