using System.Diagnostics;

namespace Replication.Interop.Support;

/// <summary>Runs a program to its end, its two streams kept apart.</summary>
internal static class Command
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static async Task<CommandResult> RunAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null, TimeSpan? timeout = null)
    {
        string[] list = [.. arguments];
        var start = new ProcessStartInfo(program, list) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string? value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string line = $"{Path.GetFileName(program)} {string.Join(' ', list)}";
        try
        {
            await process.WaitForExitAsync().WaitAsync(timeout ?? s_patience);
        }
        catch (TimeoutException)
        {
            process.Kill();
            throw new TimeoutException($"{line} did not end\nstandard output:\n{await output}\nstandard error:\n{await error}");
        }

        return new CommandResult(line, process.ExitCode, await output, await error);
    }

    /// <summary>Runs a program of the machine; skips the test where it is not installed, fails it where the program does.</summary>
    public static async Task<string> RequireAsync(string program, params string[] arguments)
    {
        CommandResult result = await RunAsync(Programs.Require(program), arguments, timeout: TimeSpan.FromMinutes(2));
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.StandardOutput;
    }
}
