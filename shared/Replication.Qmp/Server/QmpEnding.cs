namespace Replication.Qmp.Server;

/// <summary>Why a connection has ended.</summary>
/// <param name="Reason">In a few words.</param>
/// <param name="IsFault">The door closed it for what the client did, or did not do.</param>
internal sealed record QmpEnding(string Reason, bool IsFault = false);
