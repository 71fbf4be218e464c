using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replication.Benchmarks.Contestants;

/// <summary>One host of ours as a process.</summary>
internal sealed class OwnNode : IAsyncDisposable
{
    private readonly RunningProcess _process;
    private readonly JsonElement _ready;

    private OwnNode(RunningProcess process, JsonElement ready) => (_process, _ready) = (process, ready);

    public int ProcessId => _process.Id;

    public RunningProcess Process => _process;

    public static async Task<OwnNode> StartAsync(string programs, string program, string configurationFile, JsonObject settings)
    {
        await File.WriteAllTextAsync(configurationFile, new JsonObject { ["Replication"] = settings }.ToJsonString());
        string path = Path.Combine(programs, program);
        if (!File.Exists(path))
            throw new BenchException($"{path} is not there");
        RunningProcess process = RunningProcess.Start(path, "--config", configurationFile);
        try
        {
            return new OwnNode(process, JsonDocument.Parse(await process.ReadLineAsync()).RootElement);
        }
        catch (Exception e)
        {
            await process.DisposeAsync();
            throw new BenchException($"{path} does not serve: {e.Message}", e);
        }
    }

    /// <summary>The first address of a kind: control, guest, mirror.</summary>
    public string Address(string kind) => _ready.GetProperty(kind)[0].GetString()!;

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
