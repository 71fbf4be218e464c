using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Block;
using Replication.Nbd;

namespace Replication.Interop.Failures;

/// <summary>Failure case 1: the primary disk fails. Invariant Local first.</summary>
public sealed class PrimaryDiskTests : FailureTest
{
    private const int At = FailurePair.QuietBytes + 5000;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("write")]
    [InlineData("read")]
    [InlineData("flush")]
    public async Task A_failed_request_of_the_primary_disk_is_the_guests_error_and_the_mirror_goes_on(string operation)
    {
        FaultSwitch[] faults = SwitchEachDisk();
        string place = operation == "flush" ? "" : $"offset={FailurePair.QuietBytes} length=1MiB";
        await using FailurePair pair = await StartLoadedAsync(
            primaryFaults: [.. faults.Select((fault, disk) => fault.Rule($"node=disk{disk} op={operation} {place} error={ErrorOf(disk).Name}"))]);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            await pair.WriteAsync(disk, At, RequestBytes);
            faults[disk].On();
            BlockException failed = await BlockAssert.FailsAsync(RequestAsync(operation, pair.PrimaryGuest.Disks[disk]));
            faults[disk].Off();
            Assert.Equal(ErrorOf(disk).Errno, failed.Errno);

            // Neither half of the new content nor what only the mirror has had.
            await pair.SeesAsync(primary: true, disk, At, RequestBytes);
            bool ranged = operation != "flush";
            Assert.Equal(
                new TypedError("primary", 1, $"disk{disk}", ranged ? At : 0, ranged ? RequestBytes : 0, ErrorOf(disk).Errno, pair.Epoch),
                Assert.Single(await pair.TakeErrorsAsync()));
            await pair.IsAsync(pair.Pair.Primary, NodeStage.Replicating);
            await RequestAsync(operation, pair.PrimaryGuest.Disks[disk]);
            await pair.WriteAsync(disk, At, RequestBytes);
        }

        await HasEventsAsync(pair.Pair, "primary", 1, FailurePair.Disks);
        Assert.Empty(await pair.Pair.EventsAsync("primary", "mirror-detached"));
        await pair.IsUsableAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_write_that_fails_on_both_disks_is_the_guests_error_and_both_cases_are_listed()
    {
        FaultSwitch[] faults = SwitchEachDisk();
        string[] rules = [.. faults.Select((fault, disk) => fault.Rule($"node=disk{disk} op=write offset={FailurePair.QuietBytes} error=EIO"))];
        await using FailurePair pair = await StartLoadedAsync(rules, rules);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            faults[disk].On();
            await BlockAssert.FailsAsync(BlockErrorKind.Io, RequestAsync("write", pair.PrimaryGuest.Disks[disk]));
            faults[disk].Off();
            await pair.SeesAsync(primary: true, disk, At, RequestBytes);
            await pair.IsDetachedAsync();
            IReadOnlyList<TypedError> errors = await pair.TakeErrorsAsync();
            TypedError nowhere = new("primary", 1, $"disk{disk}", At, RequestBytes, EIO, pair.Epoch);
            Assert.Equal(nowhere, Only(errors, "primary", 1));
            Assert.Equal(nowhere with { Case = 2 }, Only(errors, "primary", 2));
            Assert.Equal(nowhere with { Node = "secondary", Case = 4 }, Only(errors, "secondary", 4));
            await pair.GuestsSeeWhatTheyWroteAsync();
            await pair.ReturnAsync();
        }

        await HasEventsAsync(pair.Pair, "primary", 1, FailurePair.Disks);
        await HasEventsAsync(pair.Pair, "primary", 2, FailurePair.Disks);
        await pair.IsUsableAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_failed_write_that_cannot_be_repaired_on_the_mirror_detaches_it()
    {
        FaultSwitch[] faults = SwitchEachDisk();
        await using FailurePair pair = await StartLoadedAsync(
            primaryFaults: [.. faults.Select((fault, disk) => fault.Rule($"node=disk{disk} offset={FailurePair.QuietBytes} error=EIO"))]);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            faults[disk].On();
            await BlockAssert.FailsAsync(BlockErrorKind.Io, RequestAsync("write", pair.PrimaryGuest.Disks[disk]));
            await pair.IsDetachedAsync();
            await BlockAssert.FailsAsync(BlockErrorKind.Io, RequestAsync("read", pair.PrimaryGuest.Disks[disk]));
            faults[disk].Off();
            await pair.SeesAsync(primary: true, disk, At, RequestBytes);
            IReadOnlyList<TypedError> errors = await pair.TakeErrorsAsync();
            Assert.Equal(new TypedError("primary", 1, $"disk{disk}", At, RequestBytes, EIO, pair.Epoch), Only(errors, "primary", 1));
            Assert.Equal(new TypedError("primary", 2, $"disk{disk}", At, RequestBytes, EIO, pair.Epoch), Only(errors, "primary", 2));
            Assert.DoesNotContain(errors, e => e.Node == "secondary");
            await pair.GuestsSeeWhatTheyWroteAsync();
            await pair.ReturnAsync();
        }

        IReadOnlyList<JsonElement> detached = await pair.Pair.EventsAsync("primary", "mirror-detached");
        Assert.Equal(Enumerable.Repeat("local-failed", FailurePair.Disks), detached.Select(CauseOf));
        await pair.IsUsableAsync();
    }

    private static ValueTask RequestAsync(string operation, NbdClientNode disk) => operation switch
    {
        "write" => disk.WriteAsync(At, new byte[RequestBytes]),
        "read" => disk.ReadAsync(At, new byte[RequestBytes]),
        _ => disk.FlushAsync(),
    };
}
