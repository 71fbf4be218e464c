using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>Opens a disk as it is at one moment, as a read-only export beside the guest's. One at a time.</summary>
internal interface IFleecer : IAsyncDisposable
{
    /// <summary>Returns when it can be read.</summary>
    Task<NbdAddress> OpenAsync(CancellationToken cancellationToken);

    Task CloseAsync(CancellationToken cancellationToken);
}
