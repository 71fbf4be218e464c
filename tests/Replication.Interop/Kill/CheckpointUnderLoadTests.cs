using System.Globalization;
using Colo.Protocol.V1;
using Replication.Interop.Support;

namespace Replication.Interop.Kill;

/// <summary>Checkpoint after checkpoint while both guests keep 32 writes in flight. Invariants View, Atomic, Local first.</summary>
public sealed class CheckpointUnderLoadTests : InteropTest
{
    private const int TimeoutMs = 900_000;
    private const int Depth = 32;
    private const int CellsPerDisk = 32 << 10; // 16 MiB
    private const int Phases = 3;

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    /// <summary>REPLICATION_CHECKPOINT_SECONDS; a minute is the real thing.</summary>
    private static TimeSpan Duration { get; } = TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariable("REPLICATION_CHECKPOINT_SECONDS") is { Length: > 0 } text ? double.Parse(text, CultureInfo.InvariantCulture) : 9);

    [Fact(Timeout = TimeoutMs)]
    public async Task A_checkpoint_every_tenth_of_a_second_under_load_on_both_sides_loses_nothing()
    {
        Random random = DeterministicRandom.Create();
        Pair pair = await StartNodesAsync(KillRounds.Options(CellsPerDisk));
        await pair.DoAsync("start", "--sync", "none");
        KillRounds rounds = KillRounds.Of(pair, CellsPerDisk, random, Depth);
        ulong epoch = (await pair.Primary.Service.GetStatusAsync(new GetStatusRequest())).Status.Epoch;
        var pauses = new List<double>();
        long writes = 0;
        for (int phase = 0; phase < Phases; phase++)
        {
            RunningWriters ofPrimary = await rounds.WriteAsync(pair.Primary);
            RunningWriters ofSecondary = await rounds.WriteAsync(pair.Secondary);
            PairCheckpoint last = await CheckpointAsync(pair, rounds, Duration / Phases, pauses);
            Assert.Equal(epoch + (ulong)pauses.Count + (ulong)phase, last.Epoch);
            await rounds.SomeWritesAsync();
            await ofPrimary.StopAsync();
            await ofSecondary.StopAsync();
            writes += rounds.Model.Primaries.Sum(writer => writer.Acknowledged) + rounds.Model.Secondaries.Sum(writer => writer.Acknowledged);
            rounds.Model.CheckPrimary(await rounds.ReadAsync(pair.Primary));
            rounds.Model.CheckView(await rounds.ReadAsync(pair.Secondary), last.Before, last.Gone);
            await PairCheckpoint.TakeAsync(pair, rounds.Model);
            await rounds.CheckEqualAsync();
        }

        pauses.Sort();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{pauses.Count} checkpoints, {writes} writes; pause p50 {pauses[pauses.Count / 2]:0.0} ms, p99 "
            + $"{pauses[pauses.Count * 99 / 100]:0.0} ms, longest {pauses[^1]:0.0} ms");
        Assert.Empty(await pair.EventsAsync("primary", "mirror-detached"));
        Assert.Empty(await pair.EventsAsync("primary", "checkpoint-aborted"));
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    private static async Task<PairCheckpoint> CheckpointAsync(Pair pair, KillRounds rounds, TimeSpan duration, List<double> pauses)
    {
        long began = TimeProvider.System.GetTimestamp();
        for (int count = 1; ; count++)
        {
            PairCheckpoint checkpoint = await PairCheckpoint.TakeAsync(pair, rounds.Model);
            pauses.Add(checkpoint.HoldMs);
            TimeSpan elapsed = TimeProvider.System.GetElapsedTime(began);
            if (elapsed >= duration)
                return checkpoint;
            TimeSpan next = s_interval * count;
            if (next > elapsed)
                await Task.Delay(next - elapsed);
        }
    }
}
