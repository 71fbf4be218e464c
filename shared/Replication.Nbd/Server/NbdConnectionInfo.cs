namespace Replication.Nbd;

/// <summary>A connection as an export's owner sees it.</summary>
/// <param name="Id">Unique in this process.</param>
/// <param name="Peer">The client's address, for people.</param>
public sealed record NbdConnectionInfo(long Id, string Peer);
