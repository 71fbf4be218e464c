using System.CommandLine;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

internal static class BackupVerbs
{
    public static Command Create(VerbHost host) => new("backup", "Back up a disk while its guest runs")
    {
        new BackupStartVerb(host),
    };
}
