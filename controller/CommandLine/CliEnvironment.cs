namespace Replication.Controller.CommandLine;

/// <summary>What coloctl sees of the process around it; tests bring their own.</summary>
/// <param name="Out">Results.</param>
/// <param name="Error">Failures and progress.</param>
/// <param name="Variable">Reads an environment variable.</param>
/// <param name="OutIsTerminal">Colours and boxes are welcome on <paramref name="Out"/>.</param>
/// <param name="ErrorIsTerminal">Progress may move on <paramref name="Error"/>.</param>
/// <param name="Time">The clock that waits go by.</param>
internal sealed record CliEnvironment(
    TextWriter Out, TextWriter Error, Func<string, string?> Variable, bool OutIsTerminal, bool ErrorIsTerminal, TimeProvider Time)
{
    public static CliEnvironment OfProcess() => new(
        Console.Out, Console.Error, Environment.GetEnvironmentVariable, !Console.IsOutputRedirected, !Console.IsErrorRedirected, TimeProvider.System);
}
