namespace Replication.Nbd;

/// <summary>An address could not be listened on; the message is one line that names it.</summary>
public sealed class NbdListenException(NbdAddress address, string reason, Exception? inner = null) : IOException($"cannot listen on {address}: {reason}", inner)
{
    public NbdAddress Address { get; } = address;
}
