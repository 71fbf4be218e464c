using Replication.Controller.Output;

namespace Replication.Controller.Drill.Report;

/// <summary>What a drill found, as it is printed and written.</summary>
internal sealed record DrillReport(
    string Verdict,
    string Scenario,
    ulong Seed,
    double? RtoMs,
    long? RpoBytes,
    double? LongestWriteMs,
    long? SyncedBytes,
    IReadOnlyList<DrillReport.Phase> Phases,
    int Disks,
    long SizeBytes,
    double ElapsedMs,
    DrillReport.CheckpointPauses Checkpoints,
    IReadOnlyList<DrillReport.GuestWork> Guests,
    string? Failure,
    string? Directory)
{
    public const string Passed = "passed";
    public const string Failed = "failed";

    public static DrillReport Of(string scenario, DrillOptions options, IReadOnlyList<DrillRun> runs, double elapsedMs, string? failure, string? directory)
    {
        return new DrillReport(
            failure is null ? Passed : Failed,
            scenario,
            options.Seed,
            runs.Select(r => r.RtoMs).FirstOrDefault(r => r is not null) is { } rto ? JsonText.Ms(rto) : null,
            runs.Select(r => r.RpoBytes).FirstOrDefault(r => r is not null),
            runs.Max(r => r.LongestWriteMs) is { } longest ? JsonText.Ms(longest) : null,
            runs.Any(r => r.SyncedBytes is not null) ? runs.Sum(r => r.SyncedBytes ?? 0) : null,
            [.. runs.SelectMany(r => r.Phases).Select(p => new Phase(p.Scenario, p.Name, JsonText.Ms(p.ElapsedMs), p.Passed ? Passed : Failed, p.Detail))],
            options.Disks,
            options.SizeBytes,
            JsonText.Ms(elapsedMs),
            Pauses([.. runs.SelectMany(r => r.Checkpoints)], runs.Sum(r => r.FailedCheckpoints)),
            [
                Work("primary", [.. runs.SelectMany(r => r.Guests).Where(g => g.Side == Nodes.NodeSide.Primary)]),
                Work("secondary", [.. runs.SelectMany(r => r.Guests).Where(g => g.Side == Nodes.NodeSide.Secondary)]),
            ],
            failure,
            directory);
    }

    private static GuestWork Work(string node, IReadOnlyList<Guests.Guest> guests) => new(node, guests.Sum(g => g.Requests), guests.Sum(g => g.WrittenBytes));

    private static CheckpointPauses Pauses(IReadOnlyList<Nodes.CheckpointResult> taken, int failed) => new(
        taken.Count,
        failed,
        Percentile(taken, 0.5, c => c.HoldMs),
        Percentile(taken, 0.99, c => c.HoldMs),
        Percentile(taken, 1, c => c.HoldMs),
        Percentile(taken, 0.99, c => c.DrainMs),
        Percentile(taken, 0.99, c => c.CommitMs));

    private static double? Percentile(IReadOnlyList<Nodes.CheckpointResult> taken, double share, Func<Nodes.CheckpointResult, double> of)
    {
        double[] sorted = [.. taken.Select(of).Order()];
        return sorted.Length == 0 ? null : JsonText.Ms(sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)]);
    }

    internal sealed record Phase(string Scenario, string Name, double ElapsedMs, string Result, string Detail);

    /// <summary>How long checkpoints held the primary's guest, and where the time went.</summary>
    internal sealed record CheckpointPauses(
        int Taken, int Failed, double? HoldP50Ms, double? HoldP99Ms, double? HoldMaxMs, double? DrainP99Ms, double? CommitP99Ms);

    internal sealed record GuestWork(string Node, long Requests, long WrittenBytes);
}
