using Replication.Controller.Output;

namespace Replication.Controller.Drill.Report;

/// <summary>What a drill found, as it is printed and written.</summary>
internal sealed record DrillReport(
    string Verdict,
    string Scenario,
    ulong Seed,
    double? RtoMs,
    long? RpoBytes,
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
        double[] holds = [.. runs.SelectMany(r => r.HoldsMs).Order()];
        return new DrillReport(
            failure is null ? Passed : Failed,
            scenario,
            options.Seed,
            runs.Select(r => r.RtoMs).FirstOrDefault(r => r is not null) is { } rto ? JsonText.Ms(rto) : null,
            runs.Select(r => r.RpoBytes).FirstOrDefault(r => r is not null),
            [.. runs.SelectMany(r => r.Phases).Select(p => new Phase(p.Scenario, p.Name, JsonText.Ms(p.ElapsedMs), p.Passed ? Passed : Failed, p.Detail))],
            options.Disks,
            options.SizeBytes,
            JsonText.Ms(elapsedMs),
            new CheckpointPauses(holds.Length, runs.Sum(r => r.FailedCheckpoints), Percentile(holds, 0.5), Percentile(holds, 0.99), Percentile(holds, 1)),
            [
                Work("primary", [.. runs.Select(r => r.PrimaryGuest).OfType<Guests.Guest>()]),
                Work("secondary", [.. runs.Select(r => r.SecondaryGuest).OfType<Guests.Guest>()]),
            ],
            failure,
            directory);
    }

    private static GuestWork Work(string node, IReadOnlyList<Guests.Guest> guests) => new(node, guests.Sum(g => g.Requests), guests.Sum(g => g.WrittenBytes));

    private static double? Percentile(double[] sorted, double share) =>
        sorted.Length == 0 ? null : JsonText.Ms(sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)]);

    internal sealed record Phase(string Scenario, string Name, double ElapsedMs, string Result, string Detail);

    /// <summary>How long checkpoints held the primary's guest.</summary>
    internal sealed record CheckpointPauses(int Taken, int Failed, double? HoldP50Ms, double? HoldP99Ms, double? HoldMaxMs);

    internal sealed record GuestWork(string Node, long Requests, long WrittenBytes);
}
