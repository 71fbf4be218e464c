namespace Replication.Jobs.Commands;

/// <summary>A target as it would be if it were opened now.</summary>
/// <param name="Identity">What it is underneath; see <see cref="IBackupTarget.Identity"/>.</param>
/// <param name="LengthBytes">Its length.</param>
/// <param name="ClusterBytes">Its unit of allocation.</param>
public sealed record TargetOutlook(string Identity, long LengthBytes, int ClusterBytes);
