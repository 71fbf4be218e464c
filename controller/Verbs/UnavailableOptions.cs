using System.CommandLine;

namespace Replication.Controller.Verbs;

/// <summary>Options of the contract that are not built yet: refused by name, never accepted and ignored.</summary>
internal static class UnavailableOptions
{
    public static void AddTo(Command verb, params string[] names)
    {
        foreach (string name in names)
        {
            var option = new Option<string[]>(name) { Hidden = true, Arity = ArgumentArity.ZeroOrMore };
            option.Validators.Add(result => result.AddError($"{verb.Name} {name} is not available in this version."));
            verb.Options.Add(option);
        }
    }
}
