using System.CommandLine;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs;

/// <summary>Verbs of the contract that are not built yet: refused by name, whatever stands behind them.</summary>
internal static class UnavailableVerbs
{
    private static readonly string[] s_names = ["reverse"];

    public static IEnumerable<Command> Create(VerbHost host) => s_names.Select(name => new Refusal(host, name));

    private sealed class Refusal : Verb
    {
        public Refusal(VerbHost host, string name)
            : base(host, name, "Not available in this version")
        {
            Hidden = true;
            TreatUnmatchedTokensAsErrors = false;
        }

        protected override Task<ExitCode> RunAsync(VerbContext context) => throw CliException.Usage($"{Name} is not available in this version");
    }
}
