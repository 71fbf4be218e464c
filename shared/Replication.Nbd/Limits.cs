namespace Replication.Nbd;

/// <summary>Every bound of the NBD server and client, each with its reason.</summary>
internal static class Limits
{
    /// <summary>The protocol's bound for strings: export names, descriptions, queries, error texts.</summary>
    public const int MaxStringBytes = 4096;

    /// <summary>Largest payload of one request: what every client may assume without asking (block size information says it too).</summary>
    public const int MaxPayloadBytes = 32 << 20;

    /// <summary>A write above <see cref="MaxPayloadBytes"/> is refused and its bytes thrown away; above this it is cheaper to hang up.</summary>
    public const long MaxSkippedPayloadBytes = 64L << 20;

    /// <summary>Preferred request size: the page size, and the block size of our overlays.</summary>
    public const int PreferredBlockBytes = 4096;

    /// <summary>Largest data of a haggling option: a name, or a set of contexts, with room to spare; above it the server hangs up.</summary>
    public const int MaxOptionBytes = 64 << 10;

    /// <summary>Options that one client may send before it must have chosen an export; a client that haggles on is only keeping a thread busy.</summary>
    public const int MaxOptions = 1024;

    /// <summary>Connections that the kernel keeps for us until we accept them.</summary>
    public const int ListenBacklog = 128;

    /// <summary>
    /// Receive and output chunks: a page for headers more than 256 KiB, the largest request that common
    /// clients send. One system call takes 32 requests of 4 KiB.
    /// </summary>
    public const int ChunkBytes = (256 << 10) + 4096;

    /// <summary>Chunks for the larger requests of copying programs.</summary>
    public const int LargeChunkBytes = (2 << 20) + 4096;

    /// <summary>Free chunks kept for reuse, over all connections (16 MiB).</summary>
    public const int MaxPooledChunks = 64;

    /// <summary>Free large chunks kept for reuse, over all connections (16 MiB).</summary>
    public const int MaxPooledLargeChunks = 8;

    /// <summary>A write that has not arrived whole and is at least this large is received into a block of its own instead of being moved around.</summary>
    public const int DirectReceiveBytes = 64 << 10;

    /// <summary>
    /// Free room that a receive buffer must have before the next receive: the longest request that is not received directly, and some more behind it.
    /// </summary>
    public const int MinReceiveBytes = DirectReceiveBytes + (32 << 10);

    /// <summary>
    /// A server connection sends early, inside a batch, when this much is gathered: the bytes are still in the cache, and the client can go on.
    /// </summary>
    public const int EarlySendBytes = 128 << 10;

    /// <summary>Requests of one server connection that may be in flight; the receive loop stops reading there.</summary>
    public const int MaxServerInFlight = 1024;

    /// <summary>Payload in flight and replies not yet taken by the client, per server connection: two of the largest requests.</summary>
    public const long MaxServerBufferedBytes = 2L * MaxPayloadBytes;

    /// <summary>Requests of one client connection on the wire; more wait in the order of their arrival, without a copy of their data.</summary>
    public const int MaxClientInFlight = 1024;

    /// <summary>Bytes of one client connection that the socket has not yet taken; above it requests wait without a copy.</summary>
    public const long MaxClientBacklogBytes = 8L << 20;

    /// <summary>The client copies payloads up to this size into its send chunk; larger ones are sent from the caller's buffer.</summary>
    public const int MaxCopiedPayloadBytes = 8 << 10;

    /// <summary>Payload of a reply chunk that is no read data (an error, some extents): above it the client hangs up.</summary>
    public const int MaxControlChunkBytes = 64 << 10;

    /// <summary>Pause before a Unix socket whose backlog is full is tried again: the kernel offers nothing to wait for.</summary>
    public const int ConnectRetryMs = 10;

    /// <summary>Zeroing and block status have 32-bit lengths on the wire; the client splits well below that.</summary>
    public const long MaxClientRangeBytes = 1L << 30;

    /// <summary>Extents of one block status reply of our server, over all its contexts (the protocol allows 2^20 in each): one chunk of output.</summary>
    public const int MaxStatusExtents = 4096;

    /// <summary>Contexts that one connection may choose: more than anybody reads of one disk, and each still gets 64 extents of a reply.</summary>
    public const int MaxSessionContexts = 64;

    /// <summary>Exports of one table: a listing is one reply for each, sent before anything else is read.</summary>
    public const int MaxExports = 1024;

    /// <summary>Extents of one chunk of a block status: what the protocol allows. A server that tells more is hung up on.</summary>
    public const int MaxChunkExtents = 1 << 20;

    /// <summary>Extents that our client keeps of one reply (1 MiB); what is behind them is asked for again.</summary>
    public const int MaxClientExtents = 64 << 10;

    /// <summary>Asked for on Unix sockets, whose default holds one or two large requests; the kernel gives what it allows. TCP finds its own size.</summary>
    public const int UnixSendBufferBytes = 1 << 20;

    /// <summary>Pieces of one system call (the kernel's own bound is 1024).</summary>
    public const int MaxSendPieces = 64;

    /// <summary>Text of an error chunk: a line, not a page.</summary>
    public const int MaxErrorTextBytes = 512;
}
