using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>Something that serves a disk over NBD and is measured.</summary>
internal interface IContestant : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Where the load goes.</summary>
    NbdAddress Guest { get; }

    /// <summary>The processes whose processor time counts.</summary>
    IReadOnlyList<int> ProcessIds { get; }

    /// <summary>
    /// Before each load: a pair takes a checkpoint, so that the first write to each place costs what it does after every checkpoint of a guest's life.
    /// </summary>
    Task PrepareAsync(CancellationToken cancellationToken);
}
