namespace Replication.Roles.Mirror;

/// <summary>A flush on its way to the peer. The guest waits for it no longer than for a write, the session much longer.</summary>
internal sealed class ForwardedFlush(long sentAt)
{
    private readonly TaskCompletionSource _guest = new(); // settled once, by who clears GuestWaits

    public long SentAt { get; } = sentAt;

    /// <summary>Guarded by the link's lock.</summary>
    public bool GuestWaits { get; set; } = true;

    public Task Guest => _guest.Task;

    public void Settle(Exception? failure)
    {
        if (failure is null)
            _guest.SetResult();
        else
            _guest.SetException(failure);
    }
}
