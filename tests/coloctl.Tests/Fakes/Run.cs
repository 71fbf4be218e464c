using System.Text.Json;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Tests.Fakes;

/// <summary>What one run of coloctl gave.</summary>
internal sealed record Run(int ExitCode, string Out, string Error)
{
    /// <summary>The one document on standard output.</summary>
    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    public static Task<Run> OfAsync(params string[] args) => OfAsync(new Dictionary<string, string>(), default, args);

    public static async Task<Run> OfAsync(Dictionary<string, string> variables, CancellationToken cancellationToken, params string[] args)
    {
        using var standardOut = new StringWriter();
        using var standardError = new StringWriter();
        var environment = new CliEnvironment(
            TextWriter.Synchronized(standardOut), TextWriter.Synchronized(standardError), name => variables.GetValueOrDefault(name), false, false,
            TimeProvider.System);
        int exitCode = await Cli.RunAsync(args, environment, cancellationToken);
        return new Run(exitCode, standardOut.ToString(), standardError.ToString());
    }

    /// <summary>The run failed with this code, said one line about it, and printed nothing else.</summary>
    public void AssertFailed(int exitCode, params string[] parts)
    {
        Assert.Equal((exitCode, ""), (ExitCode, Out));
        Assert.Equal(1, Error.Count(c => c == '\n'));
        Assert.StartsWith("coloctl: ", Error, StringComparison.Ordinal);
        foreach (string part in parts)
            Assert.Contains(part, Error, StringComparison.Ordinal);
    }
}
