using System.Text.Json;

namespace Replication.Interop.Support;

/// <summary>What a program left behind.</summary>
internal sealed record CommandResult(string CommandLine, int ExitCode, string StandardOutput, string StandardError)
{
    /// <summary>The one JSON document that it printed, and nothing else.</summary>
    public JsonElement Json
    {
        get
        {
            try
            {
                return JsonDocument.Parse(StandardOutput).RootElement;
            }
            catch (JsonException e)
            {
                throw new InvalidOperationException($"not one JSON document ({e.Message})\n{this}", e);
            }
        }
    }

    /// <summary>Its standard output as one JSON document a line.</summary>
    public IReadOnlyList<JsonElement> JsonLines =>
        [.. StandardOutput.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>It ended with that exit code.</summary>
    public CommandResult Ended(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"exit code {ExitCode}, expected {exitCode}\n{this}");
        return this;
    }

    /// <summary>It ended with that exit code, said nothing on standard output and exactly one line on standard error, which contains every fragment.</summary>
    public CommandResult Refused(int exitCode, params string[] fragments)
    {
        Ended(exitCode);
        Assert.True(StandardOutput.Length == 0, $"something on standard output\n{this}");
        Assert.True(
            StandardError.EndsWith('\n') && StandardError.IndexOf('\n', StringComparison.Ordinal) == StandardError.Length - 1,
            $"not exactly one line on standard error\n{this}");
        foreach (string fragment in fragments)
            Assert.True(StandardError.Contains(fragment, StringComparison.Ordinal), $"the line does not name '{fragment}'\n{this}");
        return this;
    }

    public override string ToString() => $"$ {CommandLine}\nexit code {ExitCode}\nstandard output:\n{StandardOutput}\nstandard error:\n{StandardError}";
}
