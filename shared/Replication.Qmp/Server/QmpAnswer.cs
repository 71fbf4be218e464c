namespace Replication.Qmp.Server;

/// <summary>What a client gets for one value that it sent.</summary>
/// <param name="Line">With its end.</param>
/// <param name="EndsNegotiation">From behind it on, the client gets events.</param>
/// <param name="EndsNode">It was <c>quit</c>.</param>
internal readonly record struct QmpAnswer(byte[] Line, bool EndsNegotiation = false, bool EndsNode = false);
