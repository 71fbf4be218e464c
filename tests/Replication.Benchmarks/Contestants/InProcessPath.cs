using System.Globalization;
using Replication.Block;
using Replication.Block.Files;
using Replication.Nbd;
using Replication.Roles;

namespace Replication.Benchmarks.Contestants;

/// <summary>
/// The data path of a pair in this process, over files, with dirty marks or without: a pair of processes has no switch for them. Processor time is this
/// process's, the load's generator included.
/// </summary>
internal sealed class InProcessPath : IContestant
{
    private readonly TempDirectory _directory;
    private readonly BlockingWorkers _workers;
    private readonly DataPath _path;
    private readonly bool _marks;

    private InProcessPath(bool marks, TempDirectory directory, BlockingWorkers workers, DataPath path) =>
        (_marks, _directory, _workers, _path) = (marks, directory, workers, path);

    public string Name => _marks ? "marks on" : "marks off";

    public NbdAddress Guest => _path.Guest;

    public IReadOnlyList<int> ProcessIds => [Environment.ProcessId];

    public static async Task<IContestant> StartAsync(bool marks, BenchOptions options)
    {
        var directory = new TempDirectory(options.DiskDirectory);
        var workers = new BlockingWorkers();
        int files = 0;
        DataPath path = await DataPath.StartAsync(Acknowledge.Applied, options.DiskBytes, Create);
        return new InProcessPath(marks, directory, workers, path);

        // Removed at once: what is closed is given back.
        RawFile Create(string name, long lengthBytes)
        {
            string file = directory[string.Create(CultureInfo.InvariantCulture, $"{name}-{files++}")];
            var node = RawFile.CreatePrivate(name, file, lengthBytes, workers);
            File.Delete(file);
            return node;
        }
    }

    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await _path.CheckpointAsync();
        if (_marks)
            await _path.MarkAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _path.DisposeAsync();
        _workers.Dispose();
        _directory.Dispose();
    }
}
