using Colo.Protocol.V1;
using Replication.Interop.Support;

namespace Replication.Interop.Failures;

/// <summary>Failure case 6: the next epoch's overlays or the record that names them cannot be written. Invariant Atomic.</summary>
public sealed class CheckpointFailureTests : FailureTest
{
    [Fact(Timeout = TestTimeoutMs)]
    public async Task Overlays_that_cannot_be_made_fail_the_checkpoint_and_both_nodes_stay_in_their_epoch()
    {
        FaultSwitch[] faults = SwitchEachDisk();
        await using FailurePair pair = await StartLoadedAsync(
            // The header alone: the marks of the live overlays go on.
            secondaryFaults: [.. faults.Select((fault, disk) => fault.Rule($"node=disk{disk}.{(disk == 0 ? "active" : "hidden")}.marks op=write offset=0 "
                + $"length=28 error={ErrorOf(disk).Name}"))]);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            faults[disk].On();
            CommandResult failed = await pair.TryCheckpointAsync();
            // The next epoch's overlays may have been there already; those of the one after it are not.
            if (failed.ExitCode == 0)
                failed = await pair.TryCheckpointAsync();
            failed.Refused(1, "checkpoint", "stays in force", $"disk{disk}.");
            TypedError listed = Assert.Single(await pair.TakeErrorsAsync());
            Assert.Equal(("secondary", 6, $"disk{disk}", ErrorOf(disk).Errno, pair.Epoch), (listed.Node, listed.Case, listed.Disk, listed.Errno, listed.Epoch));
            await StaysAsync(pair);
            faults[disk].Off();
            await pair.CheckpointAsync();
            await pair.GuestsSeeWhatTheyWroteAsync();
        }

        await HasEventsAsync(pair.Pair, "secondary", 6, FailurePair.Disks);
        Assert.Equal(FailurePair.Disks, (await pair.Pair.EventsAsync("primary", "checkpoint-aborted")).Count);
        await pair.IsUsableAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_record_that_the_secondary_cannot_write_fails_the_checkpoint()
    {
        FaultSwitch fault = Switch("record");
        await using FailurePair pair = await StartLoadedAsync(secondaryFaults: [fault.Rule("node=record op=write count=1 error=EIO")]);
        fault.On();
        (await pair.TryCheckpointAsync()).Refused(1, "checkpoint", "record");
        TypedError listed = Assert.Single(await pair.TakeErrorsAsync());
        Assert.Equal(("secondary", 6, "", EIO, pair.Epoch), (listed.Node, listed.Case, listed.Disk, listed.Errno, listed.Epoch));
        await StaysAsync(pair);
        await pair.IsUsableAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_record_that_the_primary_cannot_write_leaves_the_checkpoint_to_the_secondarys_record()
    {
        FaultSwitch fault = Switch("record");
        await using FailurePair pair = await StartLoadedAsync(primaryFaults: [fault.Rule("node=record op=write count=1 error=ENOSPC")]);
        fault.On();
        await pair.PauseAsync();
        (await pair.Pair.RunAsync("checkpoint")).Refused(1, "committed on the secondary");
        pair.BeginNextEpoch();
        await pair.GuestsSeeWhatTheyWroteAsync();
        TypedError listed = Assert.Single(await pair.TakeErrorsAsync());
        Assert.Equal(("primary", 6, "", ENOSPC), (listed.Node, listed.Case, listed.Disk, listed.Errno));
        await pair.CheckpointAsync();
        await pair.IsInItsEpochAsync(pair.Pair.Primary);
        await pair.IsUsableAsync();
    }

    private static async Task StaysAsync(FailurePair pair)
    {
        await pair.IsInItsEpochAsync(pair.Pair.Primary);
        await pair.IsAsync(pair.Pair.Primary, NodeStage.Replicating);
        for (int disk = 0; disk < FailurePair.Disks; disk++)
        {
            await pair.WriteAsync(disk, FailurePair.QuietBytes, RequestBytes);
            await pair.WriteViewAsync(disk, FailurePair.QuietBytes + 3000, RequestBytes);
        }

        await pair.GuestsSeeWhatTheyWroteAsync();
    }
}
