using Replication.Nbd;

namespace Replication.Jobs.Fleecing;

// Names, leases, and what becomes of an export.
public sealed partial class Fleeces
{
    /// <summary>Checks all that can be checked before anything is opened, and takes the names.</summary>
    private List<Fleece> Reserve(IReadOnlyList<FleeceCommand> commands)
    {
        if (commands.Count == 0)
            throw new JobException(JobErrorClass.GenericError, "nothing is to be opened: name a disk") { Kind = JobErrorKind.Invalid };
        foreach (FleeceCommand command in commands)
            FleeceRules.Check(command);
        string[] disks = [.. _host.Disks.Select(disk => disk.Name)];
        var reserved = new List<Fleece>();
        lock (_sync)
        {
            if (_fleeces.Count + commands.Count > Limits.Fleeces)
                throw Refused($"there would be more than {Limits.Fleeces} fleeces; close others first");
            foreach (FleeceCommand command in commands)
            {
                string name = command.Name ?? NextName(command.Device);
                if (disks.Contains(name))
                    throw Refused($"'{name}' is a disk's export; give the fleece another name");
                if (_fleeces.Concat(reserved).Any(other => other.Name == name))
                    throw Refused($"there is a fleece '{name}' already; close it, or give the new one another name");
                reserved.Add(new Fleece(this, command with { Name = name }));
            }

            _fleeces.AddRange(reserved);
        }

        return reserved;
    }

    /// <summary>Call under the lock.</summary>
    private string NextName(string device)
    {
        string name;
        do
            name = $"{device}.fleece-{++_last}";
        while (_fleeces.Exists(other => other.Name == name));
        return name;
    }

    /// <summary>From here on clients find it, unless its job has been cancelled already.</summary>
    private void Show(Fleece fleece)
    {
        lock (_sync)
        {
            if (fleece.IsWithdrawn)
                return;
            Exports.Add(fleece.Export!);
            fleece.IsShown = true;
            Lease(fleece, fleece.Command.Lease);
        }

        _observer.Opened(InfoOf(fleece));
    }

    /// <summary>Call under the lock: the lease begins.</summary>
    private void Lease(Fleece fleece, TimeSpan lease)
    {
        fleece.LeaseTimer?.Dispose();
        (fleece.LeaseTimer, fleece.LeaseEnd) = (null, null);
        if (lease == TimeSpan.Zero)
            return;
        fleece.LeaseEnd = _time.GetTimestamp() + (long)(lease.TotalSeconds * _time.TimestampFrequency);
        fleece.LeaseTimer = _time.CreateTimer(_ => LookAtLease(fleece), null, lease, Timeout.InfiniteTimeSpan);
    }

    private void LookAtLease(Fleece fleece)
    {
        lock (_sync)
        {
            if (!fleece.IsShown || fleece.LeaseEnd is not { } end)
                return;
            // Renewed meanwhile, or a timer that is coarser than the clock.
            if (LeaseLeft(end) is { Ticks: > 0 } left)
            {
                fleece.LeaseTimer!.Change(left, Timeout.InfiniteTimeSpan);
                return;
            }

            fleece.HasExpired = true;
        }

        _run($"the end of the lease of fleece '{fleece.Name}'", () => ExpireAsync(fleece));
    }

    private TimeSpan LeaseLeft(long end)
    {
        long ticks = (long)Math.Ceiling((end - _time.GetTimestamp()) * ((double)TimeSpan.TicksPerSecond / _time.TimestampFrequency));
        // Timers count milliseconds; one that is set to less would come again and again.
        return ticks <= 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Ceiling(ticks / (double)TimeSpan.TicksPerMillisecond));
    }

    private async Task ExpireAsync(Fleece fleece)
    {
        if (fleece.Broken is null)
            Cancel(fleece);
        await fleece.Transaction!.Ended;
        await RemoveAsync(fleece, FleeceEnd.Expired);
    }

    /// <summary>Its job is to succeed.</summary>
    private void Finish(Fleece fleece)
    {
        if (fleece.Broken is { } broken)
            throw GivenUp(fleece.Name, broken);
        if (_engine.Query().FirstOrDefault(job => job.Id == fleece.Name) is { IsPaused: true })
            throw Refused($"job '{fleece.Name}' is paused; resume it first");
        fleece.Finish();
    }

    private void Cancel(Fleece fleece)
    {
        try
        {
            _engine.Cancel(fleece.Name);
        }
        catch (JobException)
        {
            // It ends already, for another reason.
        }
    }

    /// <summary>Takes away what the end of a job has left: the export of one that was given up.</summary>
    private async Task RemoveAsync(Fleece fleece, FleeceEnd why)
    {
        if (!Hide(fleece))
            return;
        await Exports.RemoveAsync(fleece.Name, NbdRemoveMode.Hard);
        Forget(fleece, why);
    }

    /// <summary>True: it was shown, and the caller takes its export away.</summary>
    private bool Hide(Fleece fleece)
    {
        lock (_sync)
        {
            bool wasShown = fleece.IsShown;
            (fleece.IsShown, fleece.IsWithdrawn) = (false, true);
            fleece.LeaseTimer?.Dispose();
            fleece.LeaseTimer = null;
            return wasShown;
        }
    }

    private Fleece Require(string name)
    {
        lock (_sync)
        {
            return _fleeces.Find(fleece => fleece.IsShown && fleece.Name == name)
                ?? throw new JobException(JobErrorClass.DeviceNotFound, $"there is no fleece '{name}'");
        }
    }

    private FleeceInfo InfoOf(Fleece fleece)
    {
        TimeSpan? left;
        lock (_sync)
            left = fleece.LeaseEnd is { } end ? LeaseLeft(end) : null;
        FleeceCommand command = fleece.Command;
        return new FleeceInfo(
            fleece.Name, command.Device, fleece.PointInTime!.LengthBytes, command.Bitmap, command.Target, fleece.OpenedAt, fleece.Epoch, left,
            fleece.PointInTime.HeldBytes, fleece.QuotaBytes, fleece.Export!.ConnectionCount, fleece.Broken);
    }

    private static JobException GivenUp(string name, JobFailure why) =>
        new(JobErrorClass.GenericError, $"fleece '{name}' was given up, and cannot count as read: {why.Message}") { Kind = JobErrorKind.Failed };

    private static JobException Refused(string message) => new(JobErrorClass.GenericError, message);
}
