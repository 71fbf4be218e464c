using Replication.Roles;

namespace Replication.Control.Peer;

/// <summary>The peers that a node has spoken with, by address: each verb asks again, and one channel carries all its calls.</summary>
internal sealed class PeerConnections : IDisposable
{
    // A pair has one other node; it has a few addresses when it restarts on free ports. More are forgotten, oldest first, and left to the collector:
    // somebody may still be calling.
    private const int Remembered = 8;

    private readonly Lock _lock = new();
    private readonly Queue<string> _order = new(); // guarded by _lock
    private readonly Dictionary<string, GrpcPeer> _peers = new(StringComparer.Ordinal); // guarded by _lock

    /// <exception cref="VerbException">The address has a form that is not known.</exception>
    public IReplicationPeer Connect(string address)
    {
        lock (_lock)
        {
            if (_peers.TryGetValue(address, out GrpcPeer? known))
                return known;
            GrpcPeer peer = Open(address);
            if (_order.Count == Remembered)
                _peers.Remove(_order.Dequeue());
            _order.Enqueue(address);
            _peers.Add(address, peer);
            return peer;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (GrpcPeer peer in _peers.Values)
                peer.Dispose();
            _peers.Clear();
            _order.Clear();
        }
    }

    private static GrpcPeer Open(string address)
    {
        try
        {
            return new GrpcPeer(address);
        }
        catch (FormatException e)
        {
            throw new VerbException(VerbFailure.Invalid, $"the peer's address: {e.Message}", e);
        }
    }
}
