using System.Diagnostics;

namespace Replication.Block.Faults;

/// <summary>A filter that fails, delays or holds the requests that a rule of its injector meets, and passes all others on as they are.</summary>
internal sealed class FaultNode(string name, BlockNode child, FaultInjector injector, TimeProvider time)
    : BlockNode(name, child.LengthBytes, Passed(child.Capabilities))
{
    public override async ValueTask DisposeAsync()
    {
        await child.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        var range = new BlockRange(offsetBytes, buffer.Length);
        return injector.Meet(Name, BlockOperation.Read, range) is { } rule
            ? Faulted(rule, BlockOperation.Read, range, () => child.ReadAsync(offsetBytes, buffer))
            : child.ReadAsync(offsetBytes, buffer);
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        var range = new BlockRange(offsetBytes, data.Length);
        return injector.Meet(Name, BlockOperation.Write, range) is { } rule
            ? Faulted(rule, BlockOperation.Write, range, () => child.WriteAsync(offsetBytes, data, flags))
            : child.WriteAsync(offsetBytes, data, flags);
    }

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) =>
        injector.Meet(Name, BlockOperation.WriteZeroes, range) is { } rule
            ? Faulted(rule, BlockOperation.WriteZeroes, range, () => child.WriteZeroesAsync(range, flags))
            : child.WriteZeroesAsync(range, flags);

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) =>
        injector.Meet(Name, BlockOperation.Discard, range) is { } rule
            ? Faulted(rule, BlockOperation.Discard, range, () => child.DiscardAsync(range, flags))
            : child.DiscardAsync(range, flags);

    protected override ValueTask FlushCore() =>
        injector.Meet(Name, BlockOperation.Flush, default) is { } rule
            ? Faulted(rule, BlockOperation.Flush, default, child.FlushAsync)
            : child.FlushAsync();

    protected override ValueTask<Extent> StatusCore(BlockRange range) =>
        injector.Meet(Name, BlockOperation.Status, range) is { } rule ? FaultedStatus(rule, range) : child.StatusAsync(range);

    // What the child emulates passes through here as the request that it was, so that a rule can meet it.
    private static NodeCapabilities Passed(NodeCapabilities child) =>
        new(Native(child.Fua), Native(child.WriteZeroes), Native(child.Discard), Native(child.Status));

    private static Capability Native(Capability capability) => capability == Capability.None ? Capability.None : Capability.Native;

    private async ValueTask Faulted(FaultRule rule, BlockOperation operation, BlockRange range, Func<ValueTask> pass)
    {
        if (!rule.After)
            await Act(rule, operation, range);
        await pass();
        if (rule.After)
            await Act(rule, operation, range);
    }

    private async ValueTask<Extent> FaultedStatus(FaultRule rule, BlockRange range)
    {
        await Act(rule, BlockOperation.Status, range);
        return await child.StatusAsync(range);
    }

    private async ValueTask Act(FaultRule rule, BlockOperation operation, BlockRange range)
    {
        if (rule.Delay > TimeSpan.Zero)
            await Wait(rule.Delay);
        if (rule.Breakpoint is not null)
            await rule.Breakpoint.HoldAsync();
        if (rule.Kill)
            Process.GetCurrentProcess().Kill();
        if (rule.Errno != 0)
            throw Error(FaultErrors.Kind(rule.Errno), operation, range, "injected fault", rule.Errno);
    }

    private async Task Wait(TimeSpan delay)
    {
        // The timer completes the source on its own thread; the batch gathers what the requests above then send.
        var due = new TaskCompletionSource();
        await using ITimer timer = time.CreateTimer(static state =>
        {
            using (IoBatch.Enter())
                ((TaskCompletionSource)state!).SetResult();
        }, due, delay, Timeout.InfiniteTimeSpan);
        await due.Task;
    }
}
