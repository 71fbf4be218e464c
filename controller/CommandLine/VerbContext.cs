using System.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Output;

namespace Replication.Controller.CommandLine;

/// <summary>One run of a verb: its parsed line, its nodes, its output.</summary>
internal sealed class VerbContext : IDisposable
{
    private readonly NodeClient? _primary;
    private readonly NodeClient? _secondary;

    public VerbContext(ParseResult parsed, GlobalOptions options, CliEnvironment environment, CancellationToken cancellationToken)
    {
        Parsed = parsed;
        Cancellation = cancellationToken;
        Time = environment.Time;
        Timeout = parsed.GetValue(options.Timeout) ?? GlobalOptions.DefaultTimeout;
        Output = new Terminal(environment, parsed.GetValue(options.Json));
        _primary = Open(NodeSide.Primary, options.Primary, GlobalOptions.PrimaryVariable, environment);
        _secondary = Open(NodeSide.Secondary, options.Secondary, GlobalOptions.SecondaryVariable, environment);
    }

    public ParseResult Parsed { get; }
    public Terminal Output { get; }
    public TimeSpan Timeout { get; }
    public TimeProvider Time { get; }
    public CancellationToken Cancellation { get; }

    /// <summary>The node that <c>--primary</c> names; refuses the verb without one.</summary>
    public NodeClient Primary => _primary ?? throw Missing("--primary", GlobalOptions.PrimaryVariable);

    /// <summary>The node that <c>--secondary</c> names; refuses the verb without one.</summary>
    public NodeClient Secondary => _secondary ?? throw Missing("--secondary", GlobalOptions.SecondaryVariable);

    /// <summary>The nodes that were named, for verbs that show what there is; refuses the verb where there is none.</summary>
    public IReadOnlyList<NodeClient> Nodes
    {
        get
        {
            NodeClient[] nodes = [.. new[] { _primary, _secondary }.OfType<NodeClient>()];
            return nodes.Length > 0
                ? nodes
                : throw Missing("--primary or --secondary", $"{GlobalOptions.PrimaryVariable} or {GlobalOptions.SecondaryVariable}");
        }
    }

    public void Dispose()
    {
        _primary?.Dispose();
        _secondary?.Dispose();
    }

    private static CliException Missing(string option, string variable) => CliException.Usage($"{option} is missing (or the environment's {variable})");

    private NodeClient? Open(NodeSide side, Option<string> option, string variable, CliEnvironment environment)
    {
        (string? text, string source) = Parsed.GetValue(option) is { } given ? (given, option.Name) : (environment.Variable(variable), variable);
        if (string.IsNullOrEmpty(text) && source == variable)
            return null;
        if (!NodeAddress.TryParse(text!, out NodeAddress? address, out string? reason))
            throw CliException.Usage($"{source}: '{text}' {reason}");
        return new NodeClient(side, address, Timeout, Time);
    }
}
