using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs.Commands;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Storage;

namespace Replication.Simulation.Jobs;

/// <summary>Where the backups of a host go: targets that are slow, fail and hang, apart from everything that the node itself writes to.</summary>
internal sealed class TargetStore
{
    private readonly SortedDictionary<string, TargetFile> _files = new(StringComparer.Ordinal);

    /// <summary>Which requests to targets fail.</summary>
    public FaultPlan Faults { get; } = new();

    public bool IsInTrouble => Faults.IsArmed || _files.Values.Any(file => file.Medium.Hangs);

    /// <summary>Those that a backup has open.</summary>
    public IReadOnlyList<TargetFile> Open => [.. _files.Values.Where(file => file.IsOpen)];

    public TargetFile Make(string name, long lengthBytes)
    {
        var made = new TargetFile(name, lengthBytes);
        _files.Add(name, made);
        return made;
    }

    /// <summary>Nobody looks at it any more.</summary>
    public void Forget(TargetFile file) => _files.Remove(file.Name);

    /// <summary>The requests to the targets that are open, and to those that will be, fail for a while.</summary>
    public void Fail(int errno, int skip, int count, params BlockOperation[] operations)
    {
        Faults.Arm(_ => true, errno, skip, count, operations);
        foreach (TargetFile file in Open)
            file.HadTrouble = true;
    }

    public void Hang(TargetFile file)
    {
        file.HadTrouble = file.HasHung = true;
        file.Medium.Hang();
    }

    public void Mend()
    {
        Faults.Disarm();
        foreach (TargetFile file in _files.Values)
            file.Medium.Unhang();
    }

    /// <summary>The process is gone: what it was writing is there, or not, or in part.</summary>
    public void Settle(Random random)
    {
        foreach (TargetFile file in _files.Values)
        {
            file.Medium.Settle(random);
            file.IsOpen = false;
        }
    }

    /// <summary>What a node's process opens a target with.</summary>
    public async ValueTask<IBackupTarget> OpenAsync(BackupCommand command, int clusterBytes, SimulatedProcess process, MediumProfile profile)
    {
        Random random = process.Scheduler.Random;
        if (random.Next(2) == 0)
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 20)), process.Time);
        if (!_files.TryGetValue(command.Target, out TargetFile? file))
            throw new DiskOpenException(command.Target, "does not exist");
        if (Faults.Draw(command.Target, BlockOperation.Flush) is not 0 and int errno)
            throw new DiskOpenException(command.Target, "a simulated fault", errno);
        Invariant.Check(!file.IsOpen, "a target is one job's");
        file.IsOpen = true;
        file.HasHung |= file.Medium.Hangs;
        file.HadTrouble |= Faults.IsArmed || file.HasHung;
        return new OpenedTarget(file, new MediumNode(file.Name, file.Medium, process, profile, Faults), clusterBytes, process);
    }

    private sealed class OpenedTarget(TargetFile file, BlockNode node, int clusterBytes, SimulatedProcess process) : IBackupTarget
    {
        public BlockNode Node => node;

        public int ClusterBytes => clusterBytes;

        public string Identity => file.Name;

        public async ValueTask SealAsync()
        {
            await node.FlushAsync();
            if (process.IsAlive)
                file.Seal();
        }

        // Some take their time to close: an image's process has to end.
        public async ValueTask DisposeAsync()
        {
            Random random = process.Scheduler.Random;
            if (random.Next(3) == 0)
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 200)), process.Time);
            await node.DisposeAsync();
            if (process.IsAlive)
                file.IsOpen = false;
        }
    }
}
