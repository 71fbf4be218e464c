namespace Replication.Benchmarks.Load;

/// <summary>What a load does: one kind of request of one length, so many in flight.</summary>
/// <param name="IsRead">Reads, else writes.</param>
/// <param name="IsRandom">At random blocks, else one after the other, from the beginning again behind the end.</param>
/// <param name="RequestBytes">Length of each request.</param>
/// <param name="Depth">Requests in flight.</param>
internal sealed record LoadPattern(bool IsRead, bool IsRandom, int RequestBytes, int Depth)
{
    /// <summary>The load ends after so many, if its time is not over before.</summary>
    public long MaxRequests { get; init; } = long.MaxValue;
}
