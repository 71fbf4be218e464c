using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>A connection whose peer is a node of the test's; it dies when the test says so.</summary>
internal sealed class TestConnection(BlockNode node) : IMirrorConnection
{
    private Action<string>? _lost;

    public BlockNode Node => node;

    /// <summary>Why the link aborted it; null while it has not.</summary>
    public string? Aborted { get; private set; }

    public void OnLost(Action<string> callback) => _lost = callback;

    public void Die(string reason) => _lost!(reason);

    public void Abort(string reason)
    {
        Aborted = reason;
        if (node is not DeferredNode deferred)
            return;
        foreach (DeferredRequest request in deferred.Pending)
            request.Fail(BlockErrorKind.Shutdown);
    }

    public ValueTask DisposeAsync() => default;
}
