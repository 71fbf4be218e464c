using System.Text.Json;
using Replication.Interop.Support;

namespace Replication.Interop.Failures;

/// <summary>One of the seven failure cases, on each disk of a group under load.</summary>
public abstract class FailureTest : InteropTest
{
    /// <summary>Length of the tests' own requests: two blocks and a bit, aligned to none.</summary>
    private protected const int RequestBytes = 9000;

    private protected const int EIO = 5;
    private protected const int ENOSPC = 28;

    /// <summary>Which error a disk's fault is: both kinds come on every case.</summary>
    private protected static (string Name, int Errno) ErrorOf(int disk) => disk == 1 ? ("ENOSPC", ENOSPC) : ("EIO", EIO);

    private readonly TempDirectory _switches = new();

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await base.DisposeAsync();
        _switches.Dispose();
    }

    private protected FaultSwitch Switch(string name) => new(_switches, name);

    /// <summary>A switch for each disk.</summary>
    private protected FaultSwitch[] SwitchEachDisk() => [.. Enumerable.Range(0, FailurePair.Disks).Select(disk => Switch($"disk{disk}"))];

    private protected async Task<FailurePair> StartLoadedAsync(IReadOnlyList<string>? primaryFaults = null, IReadOnlyList<string>? secondaryFaults = null) =>
        await FailurePair.OfAsync(await StartPairAsync(FailurePair.Options(primaryFaults, secondaryFaults)));

    /// <summary>The one error of that case, and what it says of itself.</summary>
    private protected static TypedError Only(IReadOnlyList<TypedError> errors, string node, int which) =>
        Assert.Single(errors, error => error.Node == node && error.Case == which);

    /// <summary>Each error that was listed was an event too.</summary>
    private protected static async Task HasEventsAsync(Pair pair, string node, int which, int count) => Assert.Equal(
        Enumerable.Range(0, count).Select(disk => $"disk{disk}"),
        (await pair.EventsAsync(node, "error")).Where(e => e.GetProperty("case").GetInt32() == which)
            .Select(e => e.GetProperty("disk").GetString()!).Distinct());

    private protected static string CauseOf(JsonElement e) => e.GetProperty("cause").GetString()!;
}
