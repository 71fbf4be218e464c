namespace Replication.Jobs.Fleecing;

/// <summary>A fleecing export as it was at one moment.</summary>
/// <param name="Name">The export's name, and its job's.</param>
/// <param name="Device">The disk's name.</param>
/// <param name="LengthBytes">The disk's length.</param>
/// <param name="Bitmap">What it is limited to; null: nothing.</param>
/// <param name="Target">Where old content is kept; null: in a file of the node's own.</param>
/// <param name="OpenedAt">The moment that its readers see.</param>
/// <param name="Epoch">The pair's epoch at that moment.</param>
/// <param name="LeaseLeft">How long it stays where nobody renews it; null: until it is closed.</param>
/// <param name="HeldBytes">Old content that is kept, in whole clusters; what reads as zeroes takes nothing.</param>
/// <param name="QuotaBytes">The most that is kept; 0: no limit.</param>
/// <param name="Readers">Connections that read it now.</param>
/// <param name="Broken">Why there is nothing to read any more; null as long as there is.</param>
public sealed record FleeceInfo(
    string Name, string Device, long LengthBytes, string? Bitmap, string? Target, DateTimeOffset OpenedAt, ulong Epoch, TimeSpan? LeaseLeft, long HeldBytes,
    long QuotaBytes, int Readers, JobFailure? Broken);
