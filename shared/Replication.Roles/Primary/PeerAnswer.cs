namespace Replication.Roles.Primary;

/// <summary>What became of a question after the peer's position.</summary>
/// <param name="Position">What it answered; null: no answer, or none that says where it stands.</param>
/// <param name="IsBeingPromoted">It lives, and is in the middle of a promotion: where it stands is not decided yet.</param>
internal readonly record struct PeerAnswer(PeerPosition? Position, bool IsBeingPromoted)
{
    /// <summary>Nobody has answered.</summary>
    public static PeerAnswer None => default;
}
