using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Block;
using Replication.Interop.Support;

namespace Replication.Interop.Failures;

/// <summary>Failure cases 2 and 4: a forwarded write fails, because the secondary disk does. Invariants Local first, Whole, View.</summary>
public sealed class SecondaryDiskTests : FailureTest
{
    private const int At = FailurePair.QuietBytes + 5000;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("write")]
    [InlineData("flush")]
    public async Task A_failed_mirrored_request_detaches_the_mirror_and_the_guest_sees_its_local_result(string operation)
    {
        FaultSwitch[] faults = SwitchEachDisk();
        bool ranged = operation != "flush";
        string place = ranged ? $"offset={FailurePair.QuietBytes} length=1MiB" : "";
        await using FailurePair pair = await StartLoadedAsync(
            secondaryFaults: [.. faults.Select((fault, disk) => fault.Rule($"node=disk{disk} op={operation} {place} error={ErrorOf(disk).Name}"))]);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            await pair.WriteViewAsync(disk, At + 2000, RequestBytes);
            faults[disk].On();
            if (ranged)
                await pair.WriteAsync(disk, At, RequestBytes);
            else
                await pair.PrimaryGuest.Disks[disk].FlushAsync();
            faults[disk].Off();
            await pair.IsDetachedAsync();
            IReadOnlyList<TypedError> errors = await pair.TakeErrorsAsync();
            TypedError failed = new("primary", 2, $"disk{disk}", ranged ? At : 0, ranged ? RequestBytes : 0, ErrorOf(disk).Errno, pair.Epoch);
            Assert.Equal(failed, Only(errors, "primary", 2));
            Assert.Equal(failed with { Node = "secondary", Case = 4 }, Only(errors, "secondary", 4));
            Assert.Equal(2, errors.Count);

            (await pair.Pair.RunAsync("checkpoint")).Refused(4, "checkpoint", "detached");
            await pair.GuestsSeeWhatTheyWroteAsync();
            await pair.ReturnAsync();
        }

        IReadOnlyList<JsonElement> detached = await pair.Pair.EventsAsync("primary", "mirror-detached");
        Assert.Equal(Enumerable.Repeat("forward-failed", FailurePair.Disks), detached.Select(CauseOf));
        await HasEventsAsync(pair.Pair, "secondary", 4, FailurePair.Disks);
        await pair.IsUsableAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_failed_read_of_the_secondary_disk_is_the_secondarys_guests_error_and_the_mirror_goes_on()
    {
        FaultSwitch[] faults = SwitchEachDisk();
        await using FailurePair pair = await StartLoadedAsync(
            secondaryFaults: [.. faults.Select((fault, disk) => fault.Rule($"node=disk{disk} op=read offset={FailurePair.QuietBytes} error=EIO"))]);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            faults[disk].On();
            await BlockAssert.FailsAsync(BlockErrorKind.Io, pair.SecondaryGuest.Disks[disk].ReadAsync(At, new byte[RequestBytes]));
            faults[disk].Off();
            await pair.SeesAsync(primary: false, disk, At, RequestBytes);
            Assert.Equal(new TypedError("secondary", 4, $"disk{disk}", At, RequestBytes, EIO, pair.Epoch), Assert.Single(await pair.TakeErrorsAsync()));
            await pair.IsAsync(pair.Pair.Primary, NodeStage.Replicating);
        }

        await pair.IsUsableAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_start_that_cannot_read_the_secondary_disk_fails_and_names_it()
    {
        FaultSwitch fault = Switch("disk1");
        Pair pair = await StartNodesAsync(FailurePair.Options(secondaryFaults: [fault.Rule("node=disk1 op=read offset=1MiB length=1MiB error=EIO")]));
        fault.On();
        (await pair.RunAsync("start")).Refused(1, "disk1");
        JsonElement error = Assert.Single((await pair.DoAsync("errors")).GetProperty("errors").EnumerateArray());
        Assert.Equal(
            (4, "disk1", "secondary"), (error.GetProperty("case").GetInt32(), error.GetProperty("disk").GetString(), error.GetProperty("node").GetString()));
        Assert.Equal("none", await pair.StageAsync("secondary"));
        Assert.Equal("standalone", await pair.StageAsync("primary"));
        fault.Off();
        await using FailurePair loaded = await FailurePair.OfAsync(await StartAsync(pair));
        await loaded.IsUsableAsync();
    }

    private static async Task<Pair> StartAsync(Pair pair)
    {
        await pair.DoAsync("start");
        return pair;
    }
}
