using Replication.Block;

namespace Replication.Testing;

/// <summary>A request that waits in a <see cref="DeferredNode"/>. Its continuation runs inside the call that ends it.</summary>
public sealed class DeferredRequest(DeferredNode node, BlockOperation operation, BlockRange range, Func<ValueTask> apply)
{
    private readonly TaskCompletionSource _completion = new();

    public BlockOperation Operation { get; } = operation;

    public BlockRange Range { get; } = range;

    internal Task Completion => _completion.Task;

    /// <summary>Applies it to the child and answers with the child's result.</summary>
    public async Task ReleaseAsync()
    {
        node.Remove(this);
        try
        {
            await apply();
        }
        catch (BlockException e)
        {
            _completion.SetException(e);
            return;
        }

        _completion.SetResult();
    }

    /// <summary>Answers with an error; the child never sees it.</summary>
    public void Fail(BlockErrorKind kind = BlockErrorKind.Io, int errno = 0)
    {
        node.Remove(this);
        _completion.SetException(new BlockException(kind, node.Name, Operation, Range, "failed by the test", errno));
    }

    /// <summary>Applies it to the child and yet answers with an error, as a lost reply would.</summary>
    public async Task ApplyThenFailAsync(BlockErrorKind kind = BlockErrorKind.Io)
    {
        await apply();
        Fail(kind);
    }

    public override string ToString() => $"{Operation} {Range}";
}
