using System.CommandLine;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Fleeces;

internal static class FleeceVerbs
{
    public static Command Create(VerbHost host) => new("fleece", "Read disks as they were at one moment, while their guest goes on")
    {
        new FleeceOpenVerb(host),
        new FleeceRenewVerb(host),
        new FleeceCloseVerb(host),
        new FleeceListVerb(host),
    };
}
