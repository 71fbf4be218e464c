using Replication.Nbd;

namespace Replication.Benchmarks.Load;

/// <summary>A guest that is nothing but load.</summary>
internal interface ILoadGenerator
{
    Task<LoadResult> RunAsync(NbdAddress address, LoadPattern pattern, TimeSpan length, CancellationToken cancellationToken);
}
