using System.CommandLine;

namespace Replication.Controller.CommandLine;

/// <summary>Options that take one of a few words.</summary>
internal static class Choice
{
    /// <summary>Any other word is refused in a line that names the option and the words.</summary>
    public static Option<string> OneOf(this Option<string> option, params string[] words)
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Select(token => token.Value).FirstOrDefault(value => !words.Contains(value, StringComparer.Ordinal)) is { } wrong)
                result.AddError($"{option.Name}: '{wrong}' is not {(words.Length == 1 ? words[0] : $"one of {string.Join(", ", words)}")}.");
        });
        option.CompletionSources.Add(words);
        return option;
    }
}
