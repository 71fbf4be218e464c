using Replication.Controller.CommandLine;
using Spectre.Console;

namespace Replication.Controller.Output;

/// <summary>
/// Where a verb's result goes: a document for scripts, or tables for people. Standard output carries results only, standard error failures and progress.
/// </summary>
internal sealed class Terminal(CliEnvironment environment, bool json)
{
    // Wide enough that a table in a file or a pipe is not folded.
    private const int RedirectedWidth = 200;

    private readonly IAnsiConsole _out = Console(environment.Out, environment.OutIsTerminal);

    public bool Json { get; } = json;

    /// <summary>Prints the result: the document with <c>--json</c>, what <paramref name="forPeople"/> draws without.</summary>
    public void Result(object document, Action<IAnsiConsole> forPeople)
    {
        if (Json)
            Line(JsonText.Of(document));
        else
            forPeople(_out);
    }

    /// <summary>One line of standard output, as it is.</summary>
    public void Line(string line)
    {
        environment.Out.WriteLine(line);
        environment.Out.Flush();
    }

    /// <summary>One line of standard error beside the result.</summary>
    public void Notice(string line) => environment.Error.WriteLine("coloctl: " + OneLine.Of(line));

    /// <summary>A display of what takes long; silent with <c>--json</c>.</summary>
    public ProgressDisplay Progress() => new(Json ? null : environment.Error, environment.ErrorIsTerminal, environment.Time);

    private static IAnsiConsole Console(TextWriter writer, bool isTerminal)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        if (!isTerminal)
            console.Profile.Width = RedirectedWidth;
        return console;
    }
}
