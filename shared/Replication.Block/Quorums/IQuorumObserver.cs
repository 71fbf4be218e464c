namespace Replication.Block.Quorums;

/// <summary>Hears of failures of a quorum's children. Called on the data path: must not block.</summary>
public interface IQuorumObserver
{
    /// <summary>The local child failed: the guest gets the error (failure case 1; QUORUM_REPORT_BAD).</summary>
    void LocalFailed(Quorum quorum, BlockException failure);

    /// <summary>
    /// The mirror child failed: the guest does not see it (failure case 2; QUORUM_REPORT_BAD). Not called for each request that a lost session takes with it,
    /// unless the local child failed as well: then the write is nowhere (QUORUM_FAILURE).
    /// </summary>
    void ForwardFailed(Quorum quorum, BlockException failure, bool localFailedToo);
}
