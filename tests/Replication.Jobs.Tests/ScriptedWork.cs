using Replication.Block;

namespace Replication.Jobs.Tests;

/// <summary>Work that does, piece by piece, what a test says.</summary>
internal sealed class ScriptedWork : JobWork
{
    private TaskCompletionSource<BlockException?> _next = new();

    public JobContext? Context { get; private set; }

    /// <summary>What was asked of it, in order.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>The work says that it is ready before its first piece.</summary>
    public bool BecomesReady { get; init; }

    public BlockException? PrepareFails { get; init; }

    /// <summary>Called while it is prepared.</summary>
    public Func<Task> WhilePrepared { get; init; } = () => Task.CompletedTask;

    public bool IsOver { get; private set; }

    public static BlockException Error(int errno) => new(BlockErrorKind.Io, "test", BlockOperation.Read, new BlockRange(0, 512), "on purpose", errno);

    /// <summary>The work succeeds at its next pause point.</summary>
    public void Succeed()
    {
        IsOver = true;
        Step();
    }

    /// <summary>The work fails.</summary>
    public void Fail(int errno) => Next(Error(errno));

    /// <summary>One piece of work is done.</summary>
    public void Step() => Next(null);

    public override async Task RunAsync(JobContext context)
    {
        Calls.Add("run");
        Context = context;
        await using CancellationTokenRegistration cancelled = context.Token.Register(Step);
        context.Grow(100);
        if (BecomesReady)
            await context.ReadyAsync();
        while (!IsOver)
        {
            await context.PausePointAsync();
            if (IsOver)
                break;
            if (await _next.Task is { } failure)
                throw failure;
            _next = new TaskCompletionSource<BlockException?>();
            context.Advance(1);
        }

        await context.PausePointAsync();
    }

    public override async ValueTask PrepareAsync()
    {
        Calls.Add("prepare");
        await WhilePrepared();
        if (PrepareFails is { } failure)
            throw failure;
    }

    public override ValueTask CommitAsync() => Record("commit");

    public override ValueTask AbortAsync() => Record("abort");

    public override ValueTask CleanAsync() => Record("clean");

    private void Next(BlockException? failure) => _next.TrySetResult(failure);

    private ValueTask Record(string call)
    {
        Calls.Add(call);
        return default;
    }
}
