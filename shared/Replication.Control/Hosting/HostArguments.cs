using System.Reflection;
using Replication.Control.Options;

namespace Replication.Control.Hosting;

/// <summary>The command line of a node: <c>--config FILE</c>, <c>--help</c>, <c>--version</c>.</summary>
/// <param name="ConfigurationFile">The file; null where only an answer was asked for.</param>
/// <param name="Answer">What to print instead of serving; null: serve.</param>
internal sealed record HostArguments(string? ConfigurationFile, string? Answer)
{
    /// <exception cref="ConfigurationException">Anything else stands there.</exception>
    public static HostArguments Parse(string program, string[] args)
    {
        switch (args)
        {
            case ["--help" or "-h" or "-?"]:
                return new HostArguments(null, Help(program));
            case ["--version"]:
                return new HostArguments(
                    null, $"{program} {typeof(HostArguments).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}");
            case [RawConfiguration.FileKey, { Length: > 0 } file]:
                return new HostArguments(file, null);
            case [{ } joined] when joined.StartsWith(RawConfiguration.FileKey + "=", StringComparison.Ordinal)
                && joined.Length > RawConfiguration.FileKey.Length + 1:
                return new HostArguments(joined[(RawConfiguration.FileKey.Length + 1)..], null);
            case [] or [RawConfiguration.FileKey] or [RawConfiguration.FileKey, ""]:
                throw new ConfigurationException(RawConfiguration.FileKey, $"missing; accepted: {RawConfiguration.FileKey} FILE");
            default:
                string stranger = args[0] == RawConfiguration.FileKey ? args[2] : args[0];
                throw new ConfigurationException(
                    ConfigurationException.Quote(stranger), $"unknown argument; accepted: {RawConfiguration.FileKey} FILE, --help, --version");
        }
    }

    private static string Help(string program) =>
        $"""
        {program}: a node of a COLO block replication pair.

        Usage: {program} --config FILE

          --config FILE   the configuration, JSON; REPLICATION__... environment variables override it (docs/CONFIGURATION.md)
          --help          this text
          --version       the version

        When the node serves, one line of JSON on standard output names its addresses. Logs go to standard error.
        Exit codes: 0 ended by SIGTERM or SIGINT; 1 failed; 2 the configuration is refused, nothing was changed.
        """;
}
