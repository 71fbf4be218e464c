namespace Replication.Block.Files;

/// <summary>
/// The last run of data that a file was asked for. Where a run ends only the file system can say, and some look through every page or extent of it for the
/// answer: milliseconds for each question of a walk through a full disk. Concurrent.
/// </summary>
/// <remarks>
/// Data is never a wrong answer, so nothing has to be known of writes. Who punches holes says so behind each: what was learnt there is forgotten, and what is
/// being looked up at that moment is not learnt.
/// </remarks>
internal sealed class KnownData
{
    private readonly Lock _sync = new();
    private BlockRange _run; // guarded by _sync
    private long _holes; // guarded by _sync: how many have been punched

    /// <summary>Where the run around an offset ends, if it is known. Asked before the file system is; <paramref name="asOf"/> goes with its answer.</summary>
    public bool TryFind(long offsetBytes, out long endBytes, out long asOf)
    {
        lock (_sync)
        {
            (endBytes, asOf) = (_run.EndBytes, _holes);
            return offsetBytes >= _run.OffsetBytes && offsetBytes < _run.EndBytes;
        }
    }

    /// <summary>The file system has said that this is data.</summary>
    public void Learn(BlockRange run, long asOf)
    {
        lock (_sync)
        {
            if (asOf == _holes)
                _run = run;
        }
    }

    /// <summary>A hole has been punched.</summary>
    public void Forget(BlockRange hole)
    {
        lock (_sync)
        {
            _holes++;
            if (_run.Overlaps(hole))
                _run = default;
        }
    }
}
