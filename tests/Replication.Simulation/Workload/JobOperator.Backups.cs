using Replication.Jobs;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Roles.Jobs;
using Replication.Simulation.Cluster;
using Replication.Simulation.Jobs;

namespace Replication.Simulation.Workload;

/// <remarks>What is asked for: backups and what is done to bitmaps, alone and as transactions.</remarks>
internal sealed partial class JobOperator
{
    private const int MostNames = 3;

    // A command holds the disks still for half a second at most, and then writes its files.
    private const int HoldStillMs = 800;

    private int _lastJob;

    private void TransactMany(SimulatedHost host)
    {
        var drafts = new List<Draft>();
        foreach (int disk in Enumerable.Range(0, host.Disks.Length).OrderBy(_ => random.Next()))
        {
            for (int actions = random.Next(3); actions > 0; actions--)
            {
                if (DrawBitmapAction(host, disk) is { } action)
                    drafts.Add(new Draft(action));
            }

            if (random.Next(4) != 0)
                drafts.Insert(random.Next(2) == 0 ? 0 : drafts.Count, DrawBackup(host, disk));
        }

        if (random.Next(15) == 0)
            drafts.Add(new Draft(new TransactionAction.Abort()));
        if (host == pair.Primary && random.Next(6) == 0)
            drafts.Insert(random.Next(drafts.Count + 1), new Draft(new TransactionAction.Checkpoint()));
        Transact(host, drafts, isGrouped: random.Next(3) != 0);
    }

    private void Transact(SimulatedHost host, IReadOnlyList<Draft> drafts, bool isGrouped, bool mustSucceed = false)
    {
        JobChecker checker = CheckerOf(host);
        if (checker.IsAsked || drafts.Count == 0)
            return;
        var transaction = new BackupTransaction([.. drafts.Select(draft => draft.Action)], isGrouped);
        foreach (Draft draft in drafts.Where(draft => draft.Action is TransactionAction.Backup))
        {
            BackupCommand command = ((TransactionAction.Backup)draft.Action).Command;
            TargetFile target = host.Targets.Make(command.Target, pair.Settings.DiskBytes[draft.Disk]);
            if (command.Mode == TargetMode.Existing)
                target.Medium.Write(0, [.. Enumerable.Repeat((byte)0x5A, (int)target.Medium.LengthBytes)]);
            transaction.Backups.Add(new BackupRecord { Disk = draft.Disk, Command = command, Target = target, Transaction = transaction });
        }

        string what = string.Join("; ", transaction.Actions.Select(Describe));
        Ask(
            host, checker, transaction, $"{(isGrouped ? "grouped: " : "")}{what}",
            jobs => jobs.Commands.TransactAsync(transaction.Actions, isGrouped, default), mustSucceed);
    }

    private void Ask(
        SimulatedHost host, JobChecker checker, BackupTransaction transaction, string what, Func<NodeJobs, Task> command, bool mustSucceed = false)
    {
        // A checkpoint holds the guest for its lease besides.
        IDisposable holding = pair.Holding(TimeSpan.FromMilliseconds(HoldStillMs) + pair.Settings.Deadline);
        checker.Ask(transaction);
        Ask(
            host, what,
            async jobs =>
            {
                if (!checker.Arrives(transaction))
                    return "overtaken";
                string? refusal = await TryAsync(() => command(jobs));
                checker.Answered(transaction, refusal);
                if (mustSucceed && refusal is not null)
                    pair.Fail($"a backup by a bitmap is refused with nothing in its way: {refusal}");
                return refusal;
            },
            _ => holding.Dispose());
    }

    private Draft DrawBackup(SimulatedHost host, int disk)
    {
        BackupCommand command = Command(host, disk) with
        {
            Mode = random.Next(2) == 0 ? TargetMode.Existing : TargetMode.AbsolutePaths,
            SpeedBytesPerSecond = random.Next(3) == 0 ? random.Next(4, 400) << 10 : 0,
            OnSourceError = (ErrorPolicy)random.Next(5),
            OnTargetError = (ErrorPolicy)random.Next(5),
            AutoFinalize = random.Next(4) != 0,
            AutoDismiss = random.Next(4) != 0,
            MaxWorkers = random.Next(2) == 0 ? 64 : random.Next(1, 4),
            MaxChunkBytes = random.Next(2) == 0 ? 0 : pair.Settings.ClusterBytes * random.Next(1, 4),
        };
        command = DrawCbw(host, command);
        BitmapModel[] bitmaps = [.. CheckerOf(host).Bitmaps.Where(bitmap => bitmap.Disk == disk)];
        BitmapModel? bitmap = bitmaps.Length == 0 || random.Next(3) == 0 ? null : bitmaps[random.Next(bitmaps.Length)];
        BitmapMode[] modes = [BitmapMode.OnSuccess, BitmapMode.Never, BitmapMode.Always];
        return DraftBackup(disk, (bitmap, random.Next(4)) switch
        {
            (null, 0) => command with { Sync = BackupSync.None },
            (null, 1) => command with { Sync = BackupSync.Top },
            (null, _) => command,
            (_, 0) => command with { Bitmap = bitmap.Name, BitmapMode = random.Next(2) == 0 ? BitmapMode.OnSuccess : BitmapMode.Always },
            (_, 1) => command with { Sync = BackupSync.Bitmap, Bitmap = bitmap.Name, BitmapMode = modes[random.Next(modes.Length)] },
            _ => command with { Sync = BackupSync.Incremental, Bitmap = bitmap.Name },
        });
    }

    private BackupCommand Command(SimulatedHost host, int disk)
    {
        int number = ++_lastJob;
        return LimitedCbw(
            host, new BackupCommand { Device = DeviceOf(host, disk), Target = $"target{number}", JobId = $"job{number}", Sync = BackupSync.Full });
    }

    private BackupCommand DrawCbw(SimulatedHost host, BackupCommand command) => LimitedCbw(host, command with
    {
        OnCbwError = random.Next(2) == 0 ? OnCbwError.BreakSnapshot : OnCbwError.BreakGuestWrite,
        CbwTimeout = random.Next(2) == 0 ? TimeSpan.FromMilliseconds(random.Next(50, 400)) : TimeSpan.Zero,
    });

    // A secondary's disk is the mirror's, whose writes a backup may neither fail nor keep for longer than half of the deadline, whatever was asked for.
    private BackupCommand LimitedCbw(SimulatedHost host, BackupCommand command)
    {
        TimeSpan most = pair.Settings.Deadline / 2;
        return host == pair.Primary ? command : command with
        {
            OnCbwError = OnCbwError.BreakSnapshot,
            CbwTimeout = command.CbwTimeout > TimeSpan.Zero && command.CbwTimeout < most ? command.CbwTimeout : most,
        };
    }

    // On a secondary a disk's own name is its guest's view.
    private string DeviceOf(SimulatedHost host, int disk) => host == pair.Primary ? $"disk{disk}" : $"disk{disk}.secondary";

    private static Draft DraftBackup(int disk, BackupCommand command) => new(new TransactionAction.Backup(command), disk);

    private TransactionAction? DrawBitmapAction(SimulatedHost host, int disk)
    {
        string device = DeviceOf(host, disk);
        string name = $"b{random.Next(MostNames)}";
        JobChecker checker = CheckerOf(host);
        if (checker.Find(disk, name) is null)
        {
            // One of that name that was lost from sight has to go first.
            long? granularity = random.Next(4) == 0 ? null : 512 << random.Next(4);
            return new TransactionAction.BitmapAdd(device, name, granularity, IsPersistent: true, IsDisabled: random.Next(8) == 0);
        }

        string other = $"b{random.Next(MostNames)}";
        return random.Next(7) switch
        {
            0 => new TransactionAction.BitmapRemove(device, name),
            1 => new TransactionAction.BitmapClear(device, name),
            2 => new TransactionAction.BitmapDisable(device, name),
            < 5 => new TransactionAction.BitmapEnable(device, name),
            _ when checker.Find(disk, other) is not null => new TransactionAction.BitmapMerge(device, name, [(device, other)]),
            _ => null,
        };
    }

    private static string Describe(TransactionAction action) => action is TransactionAction.Backup { Command: { } command }
        ? $"backup {command.JobId} of {command.Device} (sync {command.Sync}, bitmap {command.Bitmap ?? "none"} {command.BitmapMode}, {command.OnCbwError} "
            + $"{command.CbwTimeout.TotalMilliseconds} ms, finalize {command.AutoFinalize})"
        : action is TransactionAction.BitmapMerge merge ? $"merge {merge.Sources[0].Name} into {merge.Name} of {merge.Device}" : $"{action}";

    private sealed record Draft(TransactionAction Action, int Disk = 0);
}
