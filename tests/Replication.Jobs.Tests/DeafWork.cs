namespace Replication.Jobs.Tests;

/// <summary>Work that waits for something outside of the node, in its run or at its end, and hears of nothing but that it is given up.</summary>
internal sealed class DeafWork(bool atItsEnd = false) : JobWork
{
    private readonly TaskCompletionSource _cut = new();

    public bool IsGivenUp => _cut.Task.IsCompleted;

    public override Task RunAsync(JobContext context) => atItsEnd ? Task.CompletedTask : WaitAsync();

    public override async ValueTask PrepareAsync()
    {
        if (atItsEnd)
            await WaitAsync();
    }

    public override void GiveUp() => _cut.TrySetResult();

    private async Task WaitAsync()
    {
        await _cut.Task;
        throw ScriptedWork.Error(Block.Errno.ECANCELED);
    }
}
