using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Interop.Support;

namespace Replication.Interop.Failures;

/// <summary>Failure case 7: the commit fails, or the promotion before it. Invariant Commit; routing of stage <c>failover-failed</c>.</summary>
public sealed class CommitFailureTests : FailureTest
{
    private const int OwnBytes = FailurePair.QuietBytes;
    private const int UndoneBytes = FailurePair.QuietBytes + (64 << 10);
    private const int UntouchedBytes = FailurePair.QuietBytes + (128 << 10);
    private const int LengthBytes = 8192;

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_failed_commit_serves_on_and_a_repeated_failover_ends_in_done()
    {
        FaultSwitch[] faults = SwitchEachDisk();
        await using FailurePair pair = await StartLoadedAsync(
            secondaryFaults: [.. faults.Select((fault, disk) => fault.Rule($"node=disk{disk}.commit op=write error={ErrorOf(disk).Name}"))]);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            await pair.WriteAsync(disk, UndoneBytes, LengthBytes);
            await pair.WriteViewAsync(disk, OwnBytes, LengthBytes);
        }

        await pair.PrimaryGuest.PauseAsync();
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            // Disks are committed one after the other: each repetition gets as far as the disk that fails now.
            faults[disk].On();
            (await pair.Pair.RunAsync("failover")).Refused(1, "commit", $"disk{disk}");
            await pair.IsAsync(pair.Pair.Secondary, NodeStage.FailoverFailed);
            TypedError listed = Assert.Single(await pair.TakeErrorsAsync());
            Assert.Equal(("secondary", 7, $"disk{disk}", ErrorOf(disk).Errno, pair.Epoch), (listed.Node, listed.Case, listed.Disk, listed.Errno, listed.Epoch));
            await ServesByRouteAsync(pair, disk);
            faults[disk].Off();
        }

        JsonElement done = await pair.Pair.DoAsync("failover");
        Assert.Equal(2, done.GetProperty("generation").GetInt64());
        await pair.IsAsync(pair.Pair.Secondary, NodeStage.Done);
        Assert.Equal(FailurePair.Disks, (await pair.Pair.EventsAsync("secondary", "failover-failed")).Count);
        Assert.Single(await pair.Pair.EventsAsync("secondary", "failover-completed"));
        await HasEventsAsync(pair.Pair, "secondary", 7, FailurePair.Disks);
        await IsTheDiskAsync(pair);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_promotion_that_cannot_be_recorded_changes_nothing_and_can_be_repeated()
    {
        FaultSwitch[] faults = SwitchEachDisk();
        FaultSwitch record = Switch("record");
        await using FailurePair pair = await StartLoadedAsync(secondaryFaults:
        [
            .. faults.Select((fault, disk) => fault.Rule($"node=disk{disk}.dirty op=write error=ENOSPC")),
            record.Rule("node=record op=write count=1 error=EIO"),
        ]);
        for (int disk = 0; disk <= FailurePair.Disks; disk++)
        {
            FaultSwitch fault = disk < FailurePair.Disks ? faults[disk] : record;
            fault.On();
            (await pair.Pair.RunAsync("failover")).Refused(1, "failover", "still running");
            fault.Off();
            TypedError listed = Assert.Single(await pair.TakeErrorsAsync());
            (string name, int errno) = disk < FailurePair.Disks ? ($"disk{disk}", ENOSPC) : ("", EIO);
            Assert.Equal(("secondary", 7, name, errno), (listed.Node, listed.Case, listed.Disk, listed.Errno));
            await pair.IsAsync(pair.Pair.Secondary, NodeStage.Running);
            await pair.IsAsync(pair.Pair.Primary, NodeStage.Replicating);
            await pair.CheckpointAsync();
            await pair.GuestsSeeWhatTheyWroteAsync();
        }

        Assert.Equal(FailurePair.Disks + 1, (await pair.Pair.EventsAsync("secondary", "failover-failed")).Count);
        await pair.PrimaryGuest.PauseAsync();
        await pair.Pair.DoAsync("failover");
        await pair.IsAsync(pair.Pair.Primary, NodeStage.Fenced);
        await IsTheDiskAsync(pair);
    }

    /// <summary>What an overlay still holds takes writes in the active disk, all else in the secondary disk itself.</summary>
    private static async Task ServesByRouteAsync(FailurePair pair, int failing)
    {
        await pair.SeesAsync(primary: false, failing, UndoneBytes, LengthBytes);
        byte[] own = await pair.WriteViewAsync(failing, OwnBytes, LengthBytes);
        byte[] direct = await pair.WriteViewAsync(failing, UntouchedBytes, LengthBytes);
        await pair.SeesAsync(primary: false, failing, OwnBytes, LengthBytes);
        await pair.SeesAsync(primary: false, failing, UntouchedBytes, LengthBytes);
        byte[] disk = DiskFile.Read(pair.Pair.Secondary.DiskPaths[failing]);
        Assert.False(disk.AsSpan(OwnBytes, LengthBytes).SequenceEqual(own), "a block that an overlay holds was written past it");
        BlockAssert.Equal(direct, disk.AsSpan(UntouchedBytes, LengthBytes), UntouchedBytes);
    }

    private static async Task IsTheDiskAsync(FailurePair pair)
    {
        await pair.SecondaryGuest.PauseAsync();
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            byte[] content = DiskFile.Read(pair.Pair.Secondary.DiskPaths[disk]);
            await pair.SeesAsync(primary: false, disk, 0, content.Length);
            BlockAssert.Equal(content, await Guest.ReadAllAsync(pair.SecondaryGuest.Disks[disk]));
        }
    }
}
