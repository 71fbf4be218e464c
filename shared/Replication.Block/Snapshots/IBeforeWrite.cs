namespace Replication.Block.Snapshots;

/// <summary>Who has to see a range as it is before it changes.</summary>
public interface IBeforeWrite
{
    /// <summary>Completes when the range may change; what it throws is the answer of the request that wanted to change it, which is not carried out.</summary>
    ValueTask BeforeWriteAsync(BlockRange range);
}
