using Replication.Block.State;

namespace Replication.Block.Replication;

/// <summary>The replication node on a primary: passes writes on to the mirror while replication runs, and reads never.</summary>
/// <remarks>
/// It sits below the quorum, whose local child decides the guest's result (invariant Local first). An error of the mirror is recorded (failure case 2) and
/// returned: the filter calls nothing a success that was none.
/// </remarks>
public sealed class PrimaryFilter : BlockNode
{
    private readonly BlockNode _mirror;
    private readonly Stack<RecordedForward> _idle = new(); // guarded by itself

    // Volatile: requests look at it once; a request that passed before a stop is drained by the caller.
    private volatile ReplicationStage _stage = ReplicationStage.None;
    private BlockException? _error;

    public PrimaryFilter(string name, BlockNode mirror)
        : base(name, mirror.LengthBytes, NodeCapabilities.AllNative) => _mirror = mirror;

    public ReplicationStage Stage => _stage;

    /// <summary>The first forwarding error since the last start (failure case 2); null where there is none.</summary>
    public BlockException? RecordedError => Volatile.Read(ref _error);

    /// <summary>Runs a verb by the table. Performed verbs change stage here; a primary's checkpoint has nothing to do.</summary>
    public VerbOutcome Run(ReplicationVerb verb)
    {
        VerbOutcome outcome = ReplicationTable.Outcome(NodeRole.Primary, _stage, verb);
        if (outcome != VerbOutcome.Perform)
            return outcome;
        Volatile.Write(ref _error, null);
        _stage = verb == ReplicationVerb.Start ? ReplicationStage.Running : ReplicationStage.Done;
        return outcome;
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) =>
        throw Refused(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length));

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        Forward(new WriteRequest(offsetBytes, data, flags));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => Forward(new WriteRequest(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => Forward(new WriteRequest(range, flags));

    protected override ValueTask FlushCore() =>
        _stage == ReplicationStage.Running ? _mirror.FlushAsync() : throw Refused(BlockOperation.Flush, default);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => throw Refused(BlockOperation.Status, range);

    private ValueTask Forward(WriteRequest request)
    {
        if (ReplicationTable.Write(NodeRole.Primary, _stage) != IoRoute.Forward)
            throw Refused(request.Operation, request.Range);
        ValueTask forwarded = request.ApplyAsync(_mirror);
        return forwarded.IsCompletedSuccessfully ? forwarded : Rent().After(forwarded);
    }

    internal void Record(BlockException failure) => Interlocked.CompareExchange(ref _error, failure, null);

    internal void Recycle(RecordedForward forward)
    {
        lock (_idle)
        {
            if (_idle.Count < Limits.FilterPooledForwards)
                _idle.Push(forward);
        }
    }

    private RecordedForward Rent()
    {
        lock (_idle)
            return _idle.TryPop(out RecordedForward? idle) ? idle : new RecordedForward(this);
    }

    private BlockException Refused(BlockOperation operation, BlockRange range) =>
        Error(BlockErrorKind.Stage, operation, range, $"the primary's replication filter is {_stage} and takes only writes while it runs");
}
