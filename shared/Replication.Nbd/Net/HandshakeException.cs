namespace Replication.Nbd;

/// <summary>A handshake came to nothing. Never leaves this project.</summary>
internal sealed class HandshakeException(string reason) : Exception(reason);
