using Replication.Jobs.Backup;

namespace Replication.Jobs.Commands;

/// <summary>A target whose readers see the point in time that is kept in it.</summary>
internal interface IPointInTimeKeeper
{
    /// <summary>Called before the point in time is in force: nobody reads it before the command has been answered.</summary>
    void Show(PointInTime pointInTime);

    /// <summary>The guest is about to ask no more; completes when nobody reads the point in time any more.</summary>
    ValueTask HideAsync();
}
