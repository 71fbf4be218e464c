using Replication.Block;
using Replication.Block.Snapshots;

namespace Replication.Jobs.Commands;

/// <summary>A disk at one moment, for as long as a point in time of it is needed.</summary>
/// <remarks>
/// The source alone is no point in time: guests go on writing it. Who asks to be asked before each change, and keeps what is about to change, makes it one.
/// A change that nobody is asked about (a checkpoint of a secondary's view) does not show in the source.
/// </remarks>
public abstract class DiskMoment
{
    /// <summary>Shows the disk as it was, wherever who is asked has not let it change.</summary>
    public abstract BlockNode Source { get; }

    /// <summary>
    /// Who writes the disk waits no longer than this for old content to be kept, and is given no error for it: the point in time is lost instead. Null: it is a
    /// guest, and what was asked for with the point in time says what becomes of its write.
    /// </summary>
    public virtual TimeSpan? WritersPatience => null;

    /// <summary>From the next change on it is asked. Everything is still held; called once.</summary>
    /// <param name="asked">Who keeps what is about to change.</param>
    /// <param name="reads">Whether the source may still be read somewhere in a range; asked at any time, must not wait. Once false there, always false.</param>
    /// <param name="lost">Called where the source cannot show the moment any more; on any thread, must not wait.</param>
    public abstract void Ask(IBeforeWrite asked, Func<BlockRange, bool> reads, Action<BlockException> lost);

    /// <summary>It is asked no more; questions that are under way are still answered. Nothing happens where it never was.</summary>
    public abstract void Leave();

    /// <summary>Nobody reads the source any more.</summary>
    public abstract ValueTask EndAsync();
}
