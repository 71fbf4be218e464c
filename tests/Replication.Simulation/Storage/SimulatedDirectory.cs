using Replication.Block;
using Replication.Block.Files;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Storage;

/// <summary>A directory of a host, and one process's way to it.</summary>
internal sealed class SimulatedDirectory(string path)
{
    /// <summary>The name of the epoch record's node.</summary>
    public const string RecordNode = "record";

    private readonly SortedDictionary<string, Medium> _files = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, byte[]> _small = new(StringComparer.Ordinal);

    private SortedDictionary<string, Medium> _safeNames = new(StringComparer.Ordinal);
    private WriteOrder? _order;

    /// <summary>Names, what they stand for now, and what they would stand for after a loss of power.</summary>
    public IEnumerable<(string Name, Medium? Now, Medium? Safe)> Entries =>
        _files.Keys.Union(_safeNames.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(name => (name, _files.GetValueOrDefault(name), _order is null ? _files.GetValueOrDefault(name) : _safeNames.GetValueOrDefault(name)));

    /// <summary>Small files, which are replaced as a whole, and safely.</summary>
    public IReadOnlyDictionary<string, byte[]> SmallFiles => _small;

    /// <summary>Told of each small file that has been replaced, at the instant from which on a restart finds it.</summary>
    public Action<string> Replaced { get; set; } = _ => { };

    public Medium? Find(string fileName) => _files.GetValueOrDefault(fileName);

    public IEnumerable<string> Names => [.. _files.Keys, .. _small.Keys];

    /// <summary>The files that there are hang, as on a device that has stopped answering; what is made while it lasts does not.</summary>
    public void Hang()
    {
        foreach (Medium file in _files.Values)
            file.Hang();
    }

    public void Unhang()
    {
        foreach (Medium file in _files.Values)
            file.Unhang();
    }

    public bool Hangs => _files.Values.Any(file => file.Hangs);

    /// <summary>From here on it is known what a loss of power may take.</summary>
    public void KeepUnflushed(WriteOrder order) => _order = order;

    /// <summary>What a crash has left.</summary>
    public void Restore(IEnumerable<Medium> files, IReadOnlyDictionary<string, byte[]> small)
    {
        foreach (Medium file in files)
            _files.Add(file.Name, file);
        foreach ((string name, byte[] content) in small)
            _small.Add(name, content);
    }

    public void Settle(Random random)
    {
        foreach (Medium file in _files.Values)
            file.Settle(random);
    }

    public IFileStore For(SimulatedProcess process, MediumProfile profile, FaultPlan faults) => new Store(this, process, profile, faults);

    private sealed class Store(SimulatedDirectory directory, SimulatedProcess process, MediumProfile profile, FaultPlan faults) : IFileStore
    {
        public string Path => path;

        private readonly string path = directory.Path;

        public BlockNode Create(string fileName, long lengthBytes, string nodeName)
        {
            Check(fileName, BlockOperation.Write);
            if (directory._files.ContainsKey(fileName))
                throw new DiskOpenException(fileName, "exists");
            var made = new Medium(fileName, lengthBytes);
            if (directory._order is { } order)
                made.KeepUnflushed(order);
            directory._files[fileName] = made;
            faults.Watcher?.Invoke();
            return Open(made, nodeName);
        }

        public BlockNode? Open(string fileName, string nodeName)
        {
            process.Scheduler.CheckThread();
            return directory._files.TryGetValue(fileName, out Medium? medium) ? Open(medium, nodeName) : null;
        }

        public void Delete(string fileName)
        {
            if (!process.IsAlive)
                return;
            directory._files.Remove(fileName);
            directory._small.Remove(fileName);
            faults.Watcher?.Invoke();
        }

        public void SyncNames()
        {
            if (process.IsAlive)
                directory._safeNames = new SortedDictionary<string, Medium>(directory._files, StringComparer.Ordinal);
        }

        public IReadOnlyList<string> List() => [.. directory.Names];

        public byte[]? Read(string fileName) => directory._small.GetValueOrDefault(fileName)?.ToArray();

        public void Replace(string fileName, ReadOnlySpan<byte> content)
        {
            // Killed before the new content took the old one's place, or right after.
            faults.CountWrite(fileName);
            Check(fileName, BlockOperation.Write);
            directory._small[fileName] = content.ToArray();
            SyncNames();
            directory.Replaced(fileName);
            faults.CountWrite(fileName);
            Check(fileName, BlockOperation.Write);
        }

        private MediumNode Open(Medium medium, string nodeName) => new(nodeName, medium, process, profile, faults);

        private void Check(string fileName, BlockOperation operation)
        {
            process.Scheduler.CheckThread();
            // Whoever is killed in here never comes back from it.
            if (!process.IsAlive)
                throw new SimulatedProcessEndException("the process is gone");
            if (faults.Draw(fileName, operation) is not 0 and int errno)
                throw new DiskOpenException(fileName, "a simulated fault", errno);
        }
    }

    public string Path => path;
}
