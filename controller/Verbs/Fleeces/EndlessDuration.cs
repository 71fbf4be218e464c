using System.CommandLine;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Fleeces;

/// <summary>A duration, or <c>none</c> for what has no end; 0 on the wire.</summary>
internal static class EndlessDuration
{
    private const string None = "none";

    public static Option<string> Option(string name, string description)
    {
        var option = new Option<string>(name) { Description = description, HelpName = "DURATION|none" };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Select(token => token.Value).FirstOrDefault(value => value != None && !DurationText.TryParse(value, out _)) is { } wrong)
                result.AddError($"{name}: '{wrong}' is neither {DurationText.Forms} nor {None}.");
        });
        return option;
    }

    /// <param name="text">What the option's validator has let through.</param>
    public static long Milliseconds(string text) => DurationText.TryParse(text, out TimeSpan duration) ? (long)Math.Ceiling(duration.TotalMilliseconds) : 0;
}
