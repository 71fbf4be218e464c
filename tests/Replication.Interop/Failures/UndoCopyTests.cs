using System.Text.Json;
using Colo.Protocol.V1;
using Grpc.Core;

namespace Replication.Interop.Failures;

/// <summary>Failure case 3: old content cannot be kept. Invariants Undo, View, Whole.</summary>
public sealed class UndoCopyTests : FailureTest
{
    // Whole blocks, so that the failed copy's range is the request's.
    private const int At = FailurePair.QuietBytes + 8192;
    private const int LengthBytes = 12288;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(".hidden", "write")]
    [InlineData("", "read")]
    public async Task A_failed_undo_copy_fails_the_mirrored_write_and_the_view_stays_valid(string layer, string operation)
    {
        FaultSwitch[] faults = SwitchEachDisk();
        await using FailurePair pair = await StartLoadedAsync(
            secondaryFaults: [.. faults.Select((fault, disk) => fault.Rule($"node=disk{disk}{layer} op={operation} offset={At} "
                + $"length={LengthBytes} error={ErrorOf(disk).Name}"))]);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            faults[disk].On();
            await pair.WriteAsync(disk, At, LengthBytes);
            faults[disk].Off();
            await pair.IsDetachedAsync();
            IReadOnlyList<TypedError> errors = await pair.TakeErrorsAsync();
            TypedError failed = new("secondary", 3, $"disk{disk}", At, LengthBytes, ErrorOf(disk).Errno, pair.Epoch);
            Assert.Equal(failed, Only(errors, "secondary", 3));
            Assert.Equal(failed with { Node = "primary", Case = 2 }, Only(errors, "primary", 2));
            Assert.Equal(2, errors.Count);

            // Neither the pair's checkpoint nor the node's own.
            (await pair.Pair.RunAsync("checkpoint")).Refused(4, "checkpoint", "detached");
            RpcException refused = await Assert.ThrowsAsync<RpcException>(
                async () => await pair.Pair.Secondary.Service.CheckpointAsync(new CheckpointRequest()));
            Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
            Assert.Contains("incomplete", refused.Status.Detail, StringComparison.Ordinal);
            await pair.GuestsSeeWhatTheyWroteAsync();
            await pair.ReturnAsync();
        }

        IReadOnlyList<JsonElement> detached = await pair.Pair.EventsAsync("primary", "mirror-detached");
        Assert.Equal(Enumerable.Repeat("forward-failed", FailurePair.Disks), detached.Select(CauseOf));
        await HasEventsAsync(pair.Pair, "secondary", 3, FailurePair.Disks);
        await pair.IsUsableAsync();
    }
}
