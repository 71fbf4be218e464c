using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;
using Replication.Block;

namespace Replication.Benchmarks.Rows;

/// <summary>
/// What a checkpoint takes, with so much in the hidden disk (mirrored writes) and as much in the active disk (the secondary guest's). No request is
/// in flight: QEMU's secondary does not survive that.
/// </summary>
internal sealed class PauseRow(string name, string title, long dirtyBytes, long diskBytes, Func<CheckpointTimes, TimeSpan> figure) : Row(
    name, title, "ms", moreIsBetter: false)
{
    private const int CheckpointsOfNothing = 25;

    public override async Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken)
    {
        var pair = (IPair)contestant;
        // What the last row left behind is not this one's, and a connection that has slept is not what is measured.
        await pair.CheckpointAsync(cancellationToken);
        if (dirtyBytes > 0)
        {
            await OwnLoad.FillAsync(pair.Guest, new BlockRange(0, dirtyBytes), cancellationToken);
            await OwnLoad.FillAsync(pair.SecondaryGuest, new BlockRange(diskBytes / 2, dirtyBytes), cancellationToken);
        }

        // One that has nothing to do lasts for less than a busy machine's hiccups: the median of some.
        var figures = new List<double>();
        for (int i = 0; i < (dirtyBytes > 0 ? 1 : CheckpointsOfNothing); i++)
            figures.Add(figure(await pair.CheckpointAsync(cancellationToken)).TotalMilliseconds);
        figures.Sort();
        return new Sample(figures[figures.Count / 2]);
    }
}
