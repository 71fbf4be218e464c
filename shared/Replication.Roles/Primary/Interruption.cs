namespace Replication.Roles.Primary;

/// <summary>The token of a verb that works for long: cancelled by its caller, by the node's end, or by a verb that must not wait for it.</summary>
internal sealed class Interruption : IDisposable
{
    // Never disposed: it has no timer, and whoever interrupts may come late.
    private readonly CancellationTokenSource _source = new();
    private readonly CancellationTokenRegistration _caller;
    private readonly CancellationTokenRegistration _stopping;

    public Interruption(CancellationToken caller, CancellationToken stopping)
    {
        _caller = caller.Register(_source.Cancel);
        _stopping = stopping.Register(_source.Cancel);
    }

    public CancellationToken Token => _source.Token;

    public void Cancel() => _source.Cancel();

    public void Dispose()
    {
        _caller.Dispose();
        _stopping.Dispose();
    }
}
