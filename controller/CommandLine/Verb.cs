using System.CommandLine;

namespace Replication.Controller.CommandLine;

/// <summary>One verb: its options, and what it does. Failures are <see cref="CliException"/>s.</summary>
internal abstract class Verb : Command
{
    protected Verb(VerbHost host, string name, string description)
        : base(name, description) =>
        SetAction((parsed, cancellationToken) => Cli.RunVerbAsync(parsed, host.Options, host.Environment, RunAsync, cancellationToken));

    protected abstract Task<ExitCode> RunAsync(VerbContext context);
}
