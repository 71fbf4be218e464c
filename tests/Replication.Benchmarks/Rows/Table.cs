using Replication.Benchmarks.Contestants;

namespace Replication.Benchmarks.Rows;

/// <summary>Contestants that are measured against each other: the first one is ours.</summary>
/// <param name="Name">What <c>--rows</c> knows it by.</param>
/// <param name="Title">Its heading.</param>
/// <param name="Contestants">How each is started; all of them live throughout.</param>
/// <param name="Rows">What is measured.</param>
internal sealed record Table(string Name, string Title, IReadOnlyList<Func<CancellationToken, Task<IContestant>>> Contestants, IReadOnlyList<Row> Rows);
