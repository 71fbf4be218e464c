using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs;

internal sealed class DrillVerb(VerbHost host) : Verb(host, "drill", "Start a pair, kill its primary, fail over, prove every byte")
{
    protected override Task<ExitCode> RunAsync(VerbContext context) => throw CliException.Usage("drill is not available in this version");
}
