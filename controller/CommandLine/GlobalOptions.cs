using System.CommandLine;

namespace Replication.Controller.CommandLine;

/// <summary>The options that every verb takes, before or after its name.</summary>
internal sealed class GlobalOptions
{
    public const string PrimaryVariable = "COLOCTL_PRIMARY";
    public const string SecondaryVariable = "COLOCTL_SECONDARY";

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

    public Option<TimeSpan> Timeout { get; } = new("--timeout")
    {
        Description = "A node that does not answer for this long counts as unreachable",
        HelpName = "DURATION",
        DefaultValueFactory = _ => TimeSpan.FromSeconds(5),
        CustomParser = DurationText.Parse,
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
