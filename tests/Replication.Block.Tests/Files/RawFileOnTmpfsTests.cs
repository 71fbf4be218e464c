namespace Replication.Block.Tests.Files;

/// <summary>tmpfs punches holes but cannot zero a range in place.</summary>
public sealed class RawFileOnTmpfsTests() : RawFileTests("/dev/shm");
