using System.CommandLine;

namespace Replication.Controller.Verbs;

/// <summary>The option of the verbs that bring a secondary up to date.</summary>
internal static class AbandonView
{
    public static Option<bool> Create() => new("--abandon-view")
    {
        Description = "Where what the secondary lacks does not fit its overlay: give its view up; no failover to it until this is done",
    };
}
