namespace Replication.Control.Services;

/// <summary>What a request may ask for at most, with the reason.</summary>
internal static class ServiceLimits
{
    /// <summary>Session tokens and generation ids are 128 random bits.</summary>
    public const int IdBytes = 16;

    /// <summary>Group and disk names, as the configuration's.</summary>
    public const int NameBytes = Limits.NameBytes;

    /// <summary>A control address: <c>unix:</c> and a path, or <c>http://</c> with a host name of at most 255.</summary>
    public const int AddressBytes = 300;

    /// <summary>Generations of one history: one a failover. More is not a pair that anybody operates.</summary>
    public const int Generations = 10_000;

    /// <summary>Bytes of one GetDigests: 64 MiB are read well within its deadline, and their digests stay below 1 MiB.</summary>
    public const long DigestRangeBytes = 64L << 20;

    public const int MinDigestPieceBytes = 4 << 10;
    public const int MaxDigestPieceBytes = 1 << 20;

    /// <summary>A checkpoint's hold and a promotion's: no guest waits longer than this for a controller that may have died.</summary>
    public const long LeaseMs = 60 * 60 * 1000L;

    /// <summary>Actions of one transaction: as many jobs as a node has, and as many changes of bitmaps beside them.</summary>
    public const int Actions = 512;

    /// <summary>A path, which the kernel bounds with 4096 bytes, or an NBD address that holds one.</summary>
    public const int TargetBytes = 8192;

    /// <summary>A guest's write that waits longer than a day for a copy has no guest any more.</summary>
    public const long CbwTimeoutMs = 24 * 60 * 60 * 1000L;

    /// <summary>Jobs of one watch: as many as a node has.</summary>
    public const int WatchedJobs = 256;

    /// <summary>Changes that wait for a watcher: all watched jobs from their beginning to their end. One that is slower watches again.</summary>
    public const int WatchedChanges = 4096;

    /// <summary>Between two looks at the jobs' progress for those who watch: what a person's eye follows.</summary>
    public static readonly TimeSpan WatchStep = TimeSpan.FromMilliseconds(500);
}
