namespace Replication.Block.Tests;

/// <summary>A node with a test's hook before each operation, which may throw, wait or look around.</summary>
internal sealed class HookNode(BlockNode child) : BlockNode(child.Name, child.LengthBytes, NodeCapabilities.AllNative)
{
    public Func<BlockOperation, BlockRange, Task>? Before { get; set; }

    /// <summary>Runs after the child has done the operation: a throw is a failure that took effect.</summary>
    public Action<BlockOperation, BlockRange>? After { get; set; }

    /// <summary>Every operation of the kind fails from here on; null: none.</summary>
    public void Fail(BlockOperation operation, BlockErrorKind kind = BlockErrorKind.Io) =>
        Before = (op, range) => op == operation ? throw new BlockException(kind, Name, op, range, "told to fail") : Task.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await child.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) =>
        RunAsync(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length), () => child.ReadAsync(offsetBytes, buffer));

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        RunAsync(BlockOperation.Write, new BlockRange(offsetBytes, data.Length), () => child.WriteAsync(offsetBytes, data, flags));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) =>
        RunAsync(BlockOperation.WriteZeroes, range, () => child.WriteZeroesAsync(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) =>
        RunAsync(BlockOperation.Discard, range, () => child.DiscardAsync(range, flags));

    protected override ValueTask FlushCore() => RunAsync(BlockOperation.Flush, default, child.FlushAsync);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => child.StatusAsync(range);

    private async ValueTask RunAsync(BlockOperation operation, BlockRange range, Func<ValueTask> apply)
    {
        if (Before is { } before)
            await before(operation, range);
        await apply();
        After?.Invoke(operation, range);
    }
}
