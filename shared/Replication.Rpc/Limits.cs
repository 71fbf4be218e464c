namespace Replication.Rpc;

/// <summary>Every limit of the runtime, with its reason.</summary>
internal static class Limits
{
    /// <summary>
    /// Largest message that is taken, by default: gRPC's customary 4 MiB, so that a length read from the wire never decides how much memory is used.
    /// </summary>
    public const int MessageBytes = 4 * 1024 * 1024;

    /// <summary>Buffer of one read on the client: two HTTP/2 frames of the usual size.</summary>
    public const int ReadBufferBytes = 32 * 1024;

    /// <summary>Longest encoded status text: with the other trailers it stays inside one 16 KiB header frame.</summary>
    public const int StatusDetailBytes = 8 * 1024;

    /// <summary>Longest time that a timer can count, 49 days; a deadline beyond it is none.</summary>
    public static readonly TimeSpan Timer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);
}
