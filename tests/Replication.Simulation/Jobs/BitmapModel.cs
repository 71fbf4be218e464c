namespace Replication.Simulation.Jobs;

/// <summary>What one persistent bitmap has to mark: where the disk differs from any of the bases.</summary>
/// <remarks>
/// A base is what the user can restore: the disk when the bitmap was cleared, or the newest backup of its chain. Merging gives a bitmap the bases of the other
/// one. What it marks beyond that is nobody's business. Bases are never changed in place.
/// </remarks>
internal sealed class BitmapModel(int disk, string name)
{
    public int Disk => disk;

    public string Name => name;

    public IReadOnlyList<byte[]> Bases { get; set; } = [];

    /// <summary>The disk when it was disabled: what has changed since need not be marked. Null: it is enabled.</summary>
    public byte[]? Stopped { get; set; }

    /// <summary>The backup that uses it.</summary>
    public BackupRecord? FrozenBy { get; set; }

    /// <summary>The last backup that has used it, while nothing else was done to it.</summary>
    public BackupRecord? GivenBackBy { get; set; }

    /// <summary>Requests of the host's own media that had failed when it came into being.</summary>
    public int FaultsBefore { get; init; }

    public BitmapModel Copy() => (BitmapModel)MemberwiseClone();

    public void CopyFrom(BitmapModel other) =>
        (Bases, Stopped, FrozenBy, GivenBackBy) = (other.Bases, other.Stopped, other.FrozenBy, other.GivenBackBy);

    /// <summary>A base whose difference to the disk then is still to be marked, and nothing that has come since.</summary>
    public static byte[] Forgive(byte[] before, byte[] then, byte[] now)
    {
        byte[] forgiven = (byte[])before.Clone();
        for (int i = 0; i < forgiven.Length; i++)
        {
            if (then[i] == before[i])
                forgiven[i] = now[i];
        }

        return forgiven;
    }
}
