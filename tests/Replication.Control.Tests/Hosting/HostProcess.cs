using System.Diagnostics;
using System.Text.Json;
using Replication.Control.Tests.Options;
using Replication.Testing;

namespace Replication.Control.Tests.Hosting;

/// <summary>The real programs, as they were built beside the tests.</summary>
internal static class HostProcess
{
    /// <summary>The program's path: the same configuration and framework as this assembly's.</summary>
    public static string Program(string name)
    {
        string[] output = AppContext.BaseDirectory.TrimEnd('/').Split('/');
        return Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../..",
            name[(name.IndexOf('-', StringComparison.Ordinal) + 1)..], "bin", output[^2], output[^1], name));
    }

    public static RunningProcess Start(string program, string configuration) => RunningProcess.Start(Program(program), "--config", configuration);

    public static async Task<JsonElement> ReadyAsync(RunningProcess process) => JsonDocument.Parse(await process.ReadLineAsync()).RootElement;

    /// <summary>Runs a program that must be refused: its exit code and both of its streams.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(Program(program), arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TestTimeouts.Patience);
        return (process.ExitCode, await output, await error);
    }

    /// <summary>Writes a node's configuration and its disk into a directory.</summary>
    public static string Configure(TempDirectory directory, string sample, params (string Path, string? Json)[] keys)
    {
        directory.CreateFile("disk0.raw", 1 << 20);
        string file = directory["vm1.json"];
        (string Path, string? Json)[] all =
            [("StateDirectory", "\"state\""), ("Control:Listen", "[\"http://127.0.0.1:0\"]"), ("Guest:Listen", "[\"nbd://127.0.0.1:0\"]"), .. keys];
        File.WriteAllText(file, all.Aggregate(sample, (json, key) => Samples.With(json, key.Path, key.Json)));
        return file;
    }
}
