namespace Replication.Interop.Kill;

/// <summary>
/// How many writes of a writer's log lie before a moment that is known only from outside: at least those that had
/// been acknowledged before it, at most those that had been sent after it.
/// </summary>
internal readonly record struct Cut(int Minimum, int Maximum)
{
    public static Cut[] Minima(IEnumerable<Writer> writers) => [.. writers.Select(w => new Cut(w.Acknowledged, int.MaxValue))];

    /// <summary>Completes the cuts once the moment is over.</summary>
    public static Cut[] Complete(Cut[] minima, IReadOnlyList<Writer> writers) => [.. minima.Select((c, i) => c with { Maximum = writers[i].Sent })];
}
