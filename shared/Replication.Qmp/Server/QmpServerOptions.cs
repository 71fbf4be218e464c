namespace Replication.Qmp;

/// <summary>What the door says of its node, and whom it tells of what.</summary>
public sealed record QmpServerOptions
{
    /// <summary>The program and its version, in the <c>package</c> of <c>query-version</c>.</summary>
    public required string Package { get; init; }

    /// <summary>A client has asked the node to end; called when its answer has been sent. Must not block.</summary>
    public required Action Quit { get; init; }

    public IQmpObserver? Observer { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
