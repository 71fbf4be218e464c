namespace Replication.Roles.Mirror;

/// <summary>How a session behaves; fixed for its life.</summary>
public sealed record MirrorSessionOptions
{
    public Acknowledge Acknowledge { get; init; } = Acknowledge.Applied;

    /// <summary>How long silence, or one guest request, is borne.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long the peer may take for a flush; it waits for a device, so it is no measure of the connection.
    /// Also for a single write or zeroing while it answers later ones.
    /// </summary>
    public TimeSpan FlushDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Unanswered payload of all disks together.</summary>
    public long WindowBytes { get; init; } = 64 << 20;
}
