using System.CommandLine;

namespace Replication.Controller.CommandLine;

/// <summary>The options that every verb takes, before or after its name.</summary>
internal sealed class GlobalOptions
{
    public const string PrimaryVariable = "COLOCTL_PRIMARY";
    public const string SecondaryVariable = "COLOCTL_SECONDARY";

    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);

    public Option<string> Primary { get; } = new("--primary")
    {
        Description = $"Control address of the primary: http://HOST:PORT or unix:/path (or {PrimaryVariable})",
        HelpName = "URL",
        Recursive = true,
    };

    public Option<string> Secondary { get; } = new("--secondary")
    {
        Description = $"Control address of the secondary: http://HOST:PORT or unix:/path (or {SecondaryVariable})",
        HelpName = "URL",
        Recursive = true,
    };

    public Option<bool> Json { get; } = new("--json")
    {
        Description = "One JSON document on standard output (events: one object a line)",
        Recursive = true,
    };

    // Without a default of its own, which the help would print in a form that is not accepted here.
    public Option<TimeSpan?> Timeout { get; } = new("--timeout")
    {
        Description = "A node that does not answer for this long counts as unreachable [default: 5s]",
        HelpName = "DURATION",
        CustomParser = result => DurationText.Parse(result),
        Recursive = true,
    };

    public void AddTo(Command root)
    {
        root.Options.Add(Primary);
        root.Options.Add(Secondary);
        root.Options.Add(Json);
        root.Options.Add(Timeout);
    }
}
