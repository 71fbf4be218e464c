using Replication.Block;
using Replication.Block.Bitmaps;

namespace Replication.Jobs.Backup;

/// <summary>A bitmap that a backup has frozen: writes since then are marked in its successor, which takes its place at the end of the job.</summary>
internal interface IBackupBitmap
{
    /// <summary>What it marked when it was frozen.</summary>
    BlockBitmap Frozen { get; }

    int GranularityBytes { get; }

    /// <summary>The job is about to succeed: what is to stay marked is marked in the successor.</summary>
    /// <exception cref="BlockException">It cannot be.</exception>
    ValueTask PrepareAsync(BlockBitmap? kept, int granularityBytes);

    /// <summary>It is on record that the job has succeeded: the successor takes its place.</summary>
    void Commit();

    /// <summary>The job has not succeeded: the successor takes its place with what is to stay marked. Cannot fail: a kill could only mark more.</summary>
    ValueTask GiveBackAsync(BlockBitmap kept, int granularityBytes);
}
