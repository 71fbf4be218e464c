using System.Text.Json;

namespace Replication.Interop.Support;

/// <summary>One life of a node: from its ready line to its end.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private readonly RunningProcess _process;

    private NodeProcess(RunningProcess process, JsonElement ready) => (_process, Ready) = (process, ready);

    /// <summary>The ready line.</summary>
    public JsonElement Ready { get; }

    public string Log => _process.Output;

    public bool HasExited => _process.HasExited;

    public static async Task<NodeProcess> StartAsync(string binary, string configurationFile, string? networkNamespace = null)
    {
        string[] command = [Binaries.Dotnet, binary, "--config", configurationFile];
        // ip becomes the program that it runs: signals to it are signals to the node.
        RunningProcess process = networkNamespace is null
            ? RunningProcess.Start(command[0], command[1..])
            : RunningProcess.Start("ip", ["netns", "exec", networkNamespace, .. command]);
        try
        {
            string line = await process.ReadLineAsync();
            return new NodeProcess(process, JsonDocument.Parse(line).RootElement);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public IReadOnlyList<string> Addresses(string kind) => [.. Ready.GetProperty(kind).EnumerateArray().Select(a => a.GetString()!)];

    /// <summary>SIGKILL.</summary>
    public Task KillAsync() => _process.KillAsync();

    /// <summary>SIGSTOP; complete when the process has really stopped.</summary>
    public async Task FreezeAsync()
    {
        await _process.SignalAsync("STOP");
        await Eventually.TrueAsync(() => File.ReadAllText($"/proc/{_process.Id}/stat").Split(") ")[^1].StartsWith('T'));
    }

    /// <summary>SIGCONT.</summary>
    public Task ThawAsync() => _process.SignalAsync("CONT");

    /// <summary>The exit code, where it has been asked to end in another way.</summary>
    public Task<int> WaitForExitAsync() => _process.WaitForExitAsync();

    /// <summary>SIGTERM; the exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        await _process.SignalAsync("TERM");
        return await _process.WaitForExitAsync();
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
