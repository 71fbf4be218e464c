using Colo.Protocol.V1;
using Replication.Block;

namespace Replication.Interop.Failures;

/// <summary>Failure case 5: the secondary's guest meets an overlay that fails.</summary>
public sealed class ActiveDiskTests : FailureTest
{
    // Whole blocks: no edge is filled from below first.
    private const int At = FailurePair.QuietBytes + 8192;
    private const int LengthBytes = 12288;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("active", "write")]
    [InlineData("active", "read")]
    [InlineData("hidden", "read")]
    public async Task A_failed_request_of_an_overlay_is_the_secondarys_guests_error_and_nothing_else(string layer, string operation)
    {
        FaultSwitch[] faults = SwitchEachDisk();
        await using FailurePair pair = await StartLoadedAsync(
            secondaryFaults: [.. faults.Select((fault, disk) =>
                fault.Rule($"node=disk{disk}.{layer} op={operation} offset={At} length={LengthBytes} error=EIO"))]);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            // The block is in the overlay that is to fail.
            if (layer == "hidden")
                await pair.WriteAsync(disk, At, LengthBytes);
            else
                await pair.WriteViewAsync(disk, At, LengthBytes);
            faults[disk].On();
            await BlockAssert.FailsAsync(BlockErrorKind.Io, RequestAsync(operation, pair.SecondaryGuest.Disks[disk]));
            faults[disk].Off();
            await pair.SeesAsync(primary: false, disk, At, LengthBytes);
            Assert.Equal(new TypedError("secondary", 5, $"disk{disk}", At, LengthBytes, EIO, pair.Epoch), Assert.Single(await pair.TakeErrorsAsync()));
            await pair.IsAsync(pair.Pair.Primary, NodeStage.Replicating);
            await pair.WriteViewAsync(disk, At, LengthBytes);
            await pair.SeesAsync(primary: false, disk, At, LengthBytes);
        }

        await HasEventsAsync(pair.Pair, "secondary", 5, FailurePair.Disks);
        Assert.Empty(await pair.Pair.EventsAsync("primary", "mirror-detached"));
        await pair.IsUsableAsync();
    }

    private static ValueTask RequestAsync(string operation, BlockNode disk) =>
        operation == "write" ? disk.WriteAsync(At, new byte[LengthBytes]) : disk.ReadAsync(At, new byte[LengthBytes]);
}
