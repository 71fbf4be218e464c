namespace Replication.Nbd;

/// <summary>Opens connections to NBD servers.</summary>
public static class NbdClient
{
    /// <summary>Connects, shakes hands and chooses the export.</summary>
    /// <exception cref="NbdConnectException">With the reason: unreachable, unknown export, no answer within the deadline, …</exception>
    public static Task<NbdClientNode> ConnectAsync(NbdAddress address, string exportName, NbdClientOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();
}
