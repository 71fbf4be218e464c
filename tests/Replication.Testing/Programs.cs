using System.Diagnostics;
using Xunit;

namespace Replication.Testing;

/// <summary>Programs from the machine that tests run against.</summary>
public static class Programs
{
    /// <summary>Skips the test with the reason where <paramref name="name"/> is not installed.</summary>
    public static string Require(string name)
    {
        string? path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(["/usr/sbin", "/sbin"])
            .Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, $"{name} is not installed");
        return path;
    }

    /// <summary>Runs a program to its end; its output, standard error behind it.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string program, params string[] arguments)
    {
        await using RunningProcess process = RunningProcess.Start(program, arguments);
        int exitCode = await process.WaitForExitAsync();
        return (exitCode, process.Output);
    }

    internal static ProcessStartInfo StartInfo(string program, IEnumerable<string> arguments) => new(program, arguments)
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        UseShellExecute = false,
    };
}
