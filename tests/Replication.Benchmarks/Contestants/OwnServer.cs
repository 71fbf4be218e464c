using System.Text.Json.Nodes;
using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>A primary without a peer: our NBD server over one raw file, with nothing mirrored and nothing marked.</summary>
internal sealed class OwnServer : IContestant
{
    private readonly TempDirectory _directory;
    private readonly OwnNode _node;

    private OwnServer(string name, TempDirectory directory, OwnNode node) => (Name, _directory, _node) = (name, directory, node);

    public string Name { get; }

    public NbdAddress Guest => NbdAddress.Parse(_node.Address("guest")) with { ExportName = "disk0" };

    public IReadOnlyList<int> ProcessIds => [_node.ProcessId];

    public static async Task<IContestant> StartAsync(string name, string programs, BenchOptions options)
    {
        var directory = new TempDirectory(options.DiskDirectory);
        try
        {
            DiskImage.Create(directory["primary.raw"], options.DiskBytes);
            return new OwnServer(name, directory, await OwnNode.StartAsync(programs, "replication-primary", directory["primary.json"], Settings(directory)));
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    public Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        _directory.Dispose();
    }

    private static JsonObject Settings(TempDirectory directory) => new()
    {
        ["Group"] = "bench",
        ["StateDirectory"] = directory["state"],
        ["Control"] = new JsonObject { ["Listen"] = new JsonArray($"unix:{directory["control"]}") },
        [nameof(Guest)] = new JsonObject { ["Listen"] = new JsonArray(NbdAddress.Unix(directory["guest"]).ToString()) },
        ["Disks"] = new JsonArray(new JsonObject { [nameof(Name)] = "disk0", ["Path"] = directory["primary.raw"] }),
    };
}
