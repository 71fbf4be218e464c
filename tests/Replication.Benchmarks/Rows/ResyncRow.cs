using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;
using Replication.Block;

namespace Replication.Benchmarks.Rows;

/// <summary>
/// How many times its usual a guest's 99th percentile of write latency is while so much is copied again, as fast as it goes. Both are measured right behind
/// each other: on a busy machine neither means anything without the other.
/// </summary>
internal sealed class ResyncRow(string name, string title, LoadPattern pattern, long markedBytes, TimeSpan length) : Row(
    name, title, "times the usual", moreIsBetter: false)
{
    public override async Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken)
    {
        var pair = (OwnPair)contestant;
        var load = new OwnLoad();
        await pair.PrepareAsync(cancellationToken);
        LoadResult usual = await load.RunAsync(pair.Guest, pattern, length, cancellationToken);
        await pair.PrepareAsync(cancellationToken);
        await pair.DetachAsync(cancellationToken);
        await OwnLoad.FillAsync(pair.Guest, new BlockRange(0, markedBytes), cancellationToken);
        LoadResult beside = await load.RunBesideAsync(pair.Guest, pattern, () => pair.ResyncAsync(cancellationToken), cancellationToken);
        return new Sample(beside.P99Us / usual.P99Us, beside.P99Us);
    }
}
