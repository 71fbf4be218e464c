using Replication.Block;
using Replication.Block.Snapshots;

namespace Replication.Jobs.Commands;

/// <summary>A disk that changes by being written alone, through a node that asks before.</summary>
/// <param name="name">Its name.</param>
/// <param name="node">Asks before each change.</param>
/// <param name="source">The disk below that.</param>
/// <param name="identity">Its path without links.</param>
/// <param name="writersPatience">See <see cref="DiskMoment.WritersPatience"/>; asked at the moment. Null: always a guest.</param>
public sealed class WatchedDisk(string name, BeforeWriteNode node, BlockNode source, string identity, Func<TimeSpan?>? writersPatience = null)
    : JobDisk(name, source.LengthBytes, identity)
{
    public BeforeWriteNode Node => node;

    public override DiskMoment Begin() => new Moment(node, source, writersPatience?.Invoke());

    private sealed class Moment(BeforeWriteNode node, BlockNode source, TimeSpan? writersPatience) : DiskMoment
    {
        private IBeforeWrite? _asked;

        public override BlockNode Source => source;

        public override TimeSpan? WritersPatience => writersPatience;

        public override void Ask(IBeforeWrite asked, Func<BlockRange, bool> reads, Action<BlockException> lost)
        {
            _asked = asked;
            node.Add(asked);
        }

        public override void Leave()
        {
            if (_asked is { } asked)
                node.Remove(asked);
        }

        public override ValueTask EndAsync() => default;
    }
}
