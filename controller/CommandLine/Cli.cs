using System.CommandLine;
using Replication.Controller.Output;
using Replication.Controller.Verbs;
using Replication.Controller.Verbs.Fleeces;
using Replication.Controller.Verbs.Jobs;

namespace Replication.Controller.CommandLine;

/// <summary>
/// The command line as a whole: parse, run one verb, turn what went wrong into one line and an exit code. Nothing below this file ends the process.
/// </summary>
internal static class Cli
{
    // A verb that is interrupted gets this long to leave both nodes whole (release a hold, end its children).
    private static readonly TimeSpan s_interruptGrace = TimeSpan.FromSeconds(15);

    public static async Task<int> RunAsync(string[] args, CliEnvironment environment, CancellationToken cancellationToken = default)
    {
        RootCommand root = CreateRoot(environment);
        // "@x" is an argument like any other, not a file of arguments.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
            return Fail(environment, ExitCode.Usage, Explain(parsed));
        return await parsed.InvokeAsync(
            new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = s_interruptGrace,
                Output = environment.Out,
                Error = environment.Error,
            },
            cancellationToken);
    }

    /// <summary>Runs a verb's body inside its context, and maps its failure.</summary>
    public static async Task<int> RunVerbAsync(
        ParseResult parsed, GlobalOptions options, CliEnvironment environment, Func<VerbContext, Task<ExitCode>> body, CancellationToken cancellationToken)
    {
        try
        {
            using var context = new VerbContext(parsed, options, environment, cancellationToken);
            return (int)await body(context);
        }
        catch (CliException e)
        {
            return Fail(environment, e.ExitCode, e.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Fail(environment, ExitCode.Interrupted, "interrupted");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(environment, ExitCode.Failed, e.Message);
        }
    }

    private static RootCommand CreateRoot(CliEnvironment environment)
    {
        var options = new GlobalOptions();
        var host = new VerbHost(options, environment);
        var root = new RootCommand("Controls a COLO block replication pair.")
        {
            new StartVerb(host),
            new CheckpointVerb(host),
            new FailoverVerb(host),
            new StopVerb(host),
            new ResyncVerb(host),
            new VerifyVerb(host),
            new StatusVerb(host),
            new ErrorsVerb(host),
            new EventsVerb(host),
            BackupVerbs.Create(host),
            JobVerbs.Create(host),
            BitmapVerbs.Create(host),
            FleeceVerbs.Create(host),
            new TransactionVerb(host),
            new DrillVerb(host),
        };
        options.AddTo(root);
        foreach (Command verb in UnavailableVerbs.Create(host))
            root.Subcommands.Add(verb);
        return root;
    }

    /// <summary>
    /// Of several errors the one that names what stands on the line, not the one that says what is missing there. A line of ours ends without a full stop.
    /// </summary>
    private static string Explain(ParseResult parsed) => parsed.Tokens.Count == 0
        ? "a verb is missing; coloctl --help lists them"
        : (parsed.Errors.Select(e => e.Message)
            .FirstOrDefault(message => parsed.UnmatchedTokens.Any(token => message.Contains($"'{token}'", StringComparison.Ordinal)))
            ?? parsed.Errors[0].Message).TrimEnd('.');

    private static int Fail(CliEnvironment environment, ExitCode exitCode, string message)
    {
        environment.Error.WriteLine("coloctl: " + OneLine.Of(message));
        return (int)exitCode;
    }
}
