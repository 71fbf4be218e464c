namespace Replication.Controller.Drill;

/// <param name="Disks">How many disks the pair has.</param>
/// <param name="SizeBytes">Length of each.</param>
/// <param name="Duration">How long the guests write, in all.</param>
/// <param name="Seed">Decides the disks' first content and what the guests ask for; the moments at which things happen are the machine's.</param>
internal sealed record DrillOptions(int Disks, long SizeBytes, TimeSpan Duration, ulong Seed)
{
    public OutageTimes Outage { get; init; } = OutageTimes.Default;
}
