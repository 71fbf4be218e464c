using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Jobs.Fleecing;
using Replication.Simulation.Cluster;
using Replication.Simulation.Jobs;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Workload;

/// <remarks>Disks as they were, for readers, who read where the guest writes.</remarks>
internal sealed partial class JobOperator
{
    private void OpenFleece(SimulatedHost host)
    {
        JobChecker checker = CheckerOf(host);
        if (checker.IsAsked)
            return;
        int disk = random.Next(host.Disks.Length);
        BackupCommand command = DrawCbw(host, Command(host, disk)) with
        {
            Sync = BackupSync.None,
            Bitmap = random.Next(2) == 0 ? checker.Bitmaps.FirstOrDefault(bitmap => bitmap.Disk == disk)?.Name : null,
        };
        var transaction = new BackupTransaction([new TransactionAction.Backup(command)], isGrouped: false);
        TargetFile target = host.Targets.Make(command.Target, pair.Settings.DiskBytes[disk]);
        transaction.Backups.Add(new BackupRecord
        {
            Disk = disk,
            Command = command,
            Target = target,
            Transaction = transaction,
            IsFleece = true,
            IsLimited = command.Bitmap is not null,
        });
        var fleece = new FleeceCommand
        {
            Device = command.Device,
            Name = command.JobId,
            Target = command.Target,
            Bitmap = command.Bitmap,
            OnCbwError = command.OnCbwError,
            CbwTimeout = command.CbwTimeout,
            Lease = random.Next(2) == 0 ? TimeSpan.FromMilliseconds(random.Next(100, 3000)) : TimeSpan.Zero,
        };
        Ask(host, checker, transaction, $"open {fleece}", jobs => jobs.Fleeces.OpenAsync([fleece], default));
    }

    private void UseFleece(SimulatedHost host)
    {
        IReadOnlyList<FleeceInfo> fleeces = host.Serving!.Jobs.Fleeces.List();
        if (fleeces.Count == 0)
            return;
        FleeceInfo fleece = fleeces[random.Next(fleeces.Count)];
        if (random.Next(8) == 0)
            CloseFleece(host, fleece.Name, isDone: random.Next(2) == 0);
        else if (random.Next(8) == 0 && fleece.LeaseLeft is not null)
            Ask(host, $"renew {fleece.Name}", jobs => Do(() => jobs.Fleeces.Renew(fleece.Name, null)), _ => { });
        else if (CheckerOf(host).Backups.FirstOrDefault(backup => backup.Id == fleece.Name) is { Moment: not null } record)
            ReadFleece(host, record);
    }

    private void CloseFleece(SimulatedHost host, string name, bool isDone) =>
        Ask(host, $"close {name}{(isDone ? ", which is done" : "")}", jobs => TryAsync(() => jobs.Fleeces.CloseAsync(name, isDone, default)), _ => { });

    // Where its guest writes, and anywhere.
    private void ReadFleece(SimulatedHost host, BackupRecord fleece)
    {
        if (host.Serving!.Jobs.Fleeces.Exports.Find(fleece.Id) is not { } export)
            return;
        JobChecker checker = CheckerOf(host);
        long lengthBytes = pair.Settings.DiskBytes[fleece.Disk];
        BlockRange[] ranges = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => DrawRange(lengthBytes))];
        bool givesBack = random.Next(6) == 0;
        fleece.IsLimited |= givesBack;
        tell($"operator of the {host.Name}: read {string.Join(", ", ranges)} of {fleece.Id}{(givesBack ? " and give it back" : "")}");
        host.Process!.Run(
            () => new FleeceReader(export).ReadAsync(ranges, givesBack, (offset, bytes, failure) =>
            {
                tell($"read {offset}+{bytes.Length} of {fleece.Id}: {failure?.Message ?? "done"}");
                checker.HasRead(fleece, offset, bytes, failure);
            }),
            e => pair.Fail($"a reader of {fleece.Id}: {e}"));
        if (host != pair.Primary || random.Next(3) == 0)
            return;
        // Its guest writes where it reads, a little later.
        for (int events = random.Next(4); events > 0 && host.Scheduler.Step(host.Scheduler.Now + Scheduler.Ticks(1)); events--)
        {
        }

        pair.Issue(host, BlockOperation.Write, fleece.Disk, ranges[0]);
    }

    private BlockRange DrawRange(long lengthBytes)
    {
        long first = random.NextInt64(random.Next(2) == 0 ? Math.Min(lengthBytes, 4 * pair.Settings.BlockBytes) : lengthBytes);
        return new BlockRange(first, Math.Min(lengthBytes - first, random.Next(1, 4 * pair.Settings.BlockBytes)));
    }
}
