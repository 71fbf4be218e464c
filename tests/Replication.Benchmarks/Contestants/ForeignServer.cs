using System.Globalization;
using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>Another project's NBD server with one disk, on a Unix socket.</summary>
internal sealed class ForeignServer : IContestant
{
    private readonly TempDirectory _directory;
    private readonly RunningProcess _process;

    private ForeignServer(string name, TempDirectory directory, RunningProcess process, NbdAddress guest) =>
        (Name, _directory, _process, Guest) = (name, directory, process, guest);

    public string Name { get; }

    public NbdAddress Guest { get; }

    public IReadOnlyList<int> ProcessIds => [_process.Id];

    public static Task<IContestant> NbdkitFileAsync(BenchOptions options, CancellationToken cancellationToken) =>
        StartAsync("nbdkit file", options, (disk, socket) => ["nbdkit", "--foreground", "-U", socket, "file", disk], cancellationToken);

    public static Task<IContestant> NbdkitMemoryAsync(BenchOptions options, CancellationToken cancellationToken) => StartAsync(
        "nbdkit memory", options, (_, socket) => ["nbdkit", "--foreground", "-U", socket, "memory", options.DiskBytes.ToString(CultureInfo.InvariantCulture)],
        cancellationToken);

    public static Task<IContestant> QemuNbdAsync(BenchOptions options, CancellationToken cancellationToken) => StartAsync(
        "qemu-nbd", options, (disk, socket) => ["qemu-nbd", "-f", "raw", "--cache=writeback", "-t", "-e", "8", "-k", socket, disk], cancellationToken);

    private static async Task<IContestant> StartAsync(
        string name, BenchOptions options, Func<string, string, string[]> command, CancellationToken cancellationToken)
    {
        var directory = new TempDirectory(options.DiskDirectory);
        DiskImage.Create(directory["disk.raw"], options.DiskBytes);
        string[] words = command(directory["disk.raw"], directory["nbd"]);
        RunningProcess process = RunningProcess.Start(words[0], words[1..]);
        var server = new ForeignServer(name, directory, process, NbdAddress.Unix(directory["nbd"]));
        try
        {
            await server.WaitUntilServingAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _directory.Dispose();
    }

    /// <summary>These programs do not say when they listen.</summary>
    private async Task WaitUntilServingAsync(CancellationToken cancellationToken)
    {
        const int retryMs = 10;
        const int patienceMs = 30_000;
        for (long until = Environment.TickCount64 + patienceMs; ;)
        {
            try
            {
                await using NbdClientNode client = await NbdClient.ConnectAsync(Guest, "", cancellationToken: cancellationToken);
                return;
            }
            catch (NbdConnectException) when (!_process.HasExited && Environment.TickCount64 < until)
            {
                await Task.Delay(retryMs, cancellationToken);
            }
            catch (NbdConnectException e)
            {
                throw new BenchException($"{Name} does not serve: {_process.Output.Trim()}", e);
            }
        }
    }
}
