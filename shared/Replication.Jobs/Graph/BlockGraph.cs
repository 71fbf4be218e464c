using Replication.Jobs.Targets;

namespace Replication.Jobs.Graph;

/// <summary>Named nodes beside the disks: targets of backups, and what is exported of them. Concurrent.</summary>
/// <remarks>
/// <para>A node is a description until somebody uses it: it locks no file before, and what it leads to is closed, and whole, when its last user has gone.
/// One job at a time writes it. Readers may join a job; a job does not join readers.</para>
/// <para>A node with a disk below it is a fleece's: what it shows is the point in time that a job of sync none keeps in it. The two layers are one for their
/// readers, inside this process, so that no guest's write can come between a reader's look and its read.</para>
/// </remarks>
public sealed partial class BlockGraph
{
    private readonly Lock _sync = new();
    private readonly Dictionary<string, GraphNode> _nodes = []; // guarded by _sync
    private readonly Func<IEnumerable<string>> _disks;
    private readonly Func<TargetEnvironment> _environment;

    /// <param name="disks">The names of the disks that jobs may read.</param>
    /// <param name="environment">The node's, as it is at the moment.</param>
    public BlockGraph(Func<IEnumerable<string>> disks, Func<TargetEnvironment> environment) => (_disks, _environment) = (disks, environment);

    /// <summary>Nodes that have a name, in order of their names.</summary>
    public IReadOnlyList<GraphNodeInfo> Query()
    {
        lock (_sync)
            return [.. _nodes.Values.OrderBy(node => node.Options.Name, StringComparer.Ordinal).Select(node => node.Info)];
    }

    /// <summary>Makes a node. What it leads to has to be there.</summary>
    /// <exception cref="JobException">It cannot be.</exception>
    public async Task AddAsync(GraphNodeOptions options, CancellationToken cancellationToken)
    {
        if (options.Name is null)
            throw Invalid("a node has to have a node-name, unless it stands below another one");
        GraphNode? onto = null;
        lock (_sync)
        {
            CheckName(options.Name);
            if (options.FileNode is { } file)
                onto = Require(file);
            if (options.Backing is { } backing && !IsDisk(backing))
                Require(backing);
        }

        if (options.File?.Name is { } below)
            CheckName(below);
        GraphNodeOptions leaf = options.File ?? options;
        GraphNode node;
        try
        {
            node = await LookAsync(options, onto, leaf, cancellationToken);
        }
        catch (TargetException e)
        {
            throw new JobException(JobErrorClass.GenericError, e.Message, e) { Kind = JobErrorKind.Failed };
        }

        lock (_sync)
            Enter(node);
    }

    /// <exception cref="JobException">There is none of the name, or somebody uses it.</exception>
    public void Delete(string name)
    {
        lock (_sync)
        {
            GraphNode node = Require(name);
            if (node.IsInUse)
                throw Refused($"node '{name}' is in use: {UserOf(node)}");
            _nodes.Remove(name);
            if (node.Options.Backing is { } backing && _nodes.TryGetValue(backing, out GraphNode? below))
                below.Parents--;
            if (node.File is not { } file)
                return;
            file.Parents--;
            if (file.IsOwned && file.Options.Name is { } owned)
                _nodes.Remove(owned);
        }
    }

    private static string UserOf(GraphNode node) =>
        node.Parents > 0 ? "another node stands on it"
        : node.HasJob ? "a job writes it; wait for its end, or cancel it"
        : "an export shows it; remove that first";

    private async Task<GraphNode> LookAsync(GraphNodeOptions options, GraphNode? onto, GraphNodeOptions leaf, CancellationToken cancellationToken)
    {
        TargetEnvironment environment = _environment();
        string target = leaf.Target ?? onto!.Target;
        bool isExport = target.Contains("://", StringComparison.Ordinal);
        if (isExport && options.Driver == GraphNodeOptions.Qcow2)
            throw new TargetException(target, TargetTrouble.NotSupported, "qcow2 over NBD is not supported: serve the image with qemu-nbd, and use driver nbd");
        string? format = isExport ? null : options.Driver == GraphNodeOptions.Qcow2 ? GraphNodeOptions.Qcow2 : GraphNodeOptions.Raw;
        GraphLook look = await GraphLook.AtAsync(target, format, environment, cancellationToken);
        GraphNode? file = onto;
        if (options.File is { } made)
        {
            GraphLook below = await GraphLook.AtAsync(target, isExport ? null : GraphNodeOptions.Raw, environment, cancellationToken);
            file = new GraphNode(made, null, below) { IsOwned = true };
        }

        return new GraphNode(options, file, look);
    }

    /// <summary>Call under the lock. Everything may have changed since it was looked at.</summary>
    private void Enter(GraphNode node)
    {
        GraphNodeOptions options = node.Options;
        CheckName(options.Name!);
        if (node.File is { IsOwned: true, Options.Name: { } owned })
        {
            CheckName(owned);
            if (owned == options.Name)
                throw Refused($"there is a node '{owned}' already; give the two of them different names");
        }

        if (options.FileNode is { } file)
        {
            if (Require(file) != node.File)
                throw Refused($"node '{file}' was removed meanwhile");
            if (node.File.IsInUse)
                throw Refused($"node '{file}' is in use: {UserOf(node.File)}");
        }

        if (_nodes.Count + 2 > Limits.GraphNodes)
            throw Refused($"there are {_nodes.Count} nodes already; remove some");
        if (options.Backing is { } backing && !IsDisk(backing))
            Require(backing).Parents++;
        if (node.File is not null)
            node.File.Parents++;
        _nodes.Add(options.Name!, node);
        if (node.File is { IsOwned: true, Options.Name: { } name })
            _nodes.Add(name, node.File);
    }

    private void CheckName(string name)
    {
        bool isWellFormed = name.Length is > 0 and <= Limits.IdLength && char.IsAsciiLetter(name[0])
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');
        if (!isWellFormed)
            throw Invalid($"'{name}' is no name of a node: a letter, then letters, digits, '-', '.' and '_', {Limits.IdLength} characters at most");
        lock (_sync)
        {
            if (_nodes.ContainsKey(name) || IsDisk(name))
                throw Refused($"there is a node '{name}' already; give the new one another name");
        }
    }

    private bool IsDisk(string name) => _disks().Contains(name);

    private GraphNode Require(string name) => _nodes.TryGetValue(name, out GraphNode? node) ? node : throw Missing(name);

    private static JobException Missing(string name) => new(JobErrorClass.GenericError, $"there is no node '{name}'") { Kind = JobErrorKind.NotFound };

    private static JobException Refused(string message) => new(JobErrorClass.GenericError, message);

    private static JobException Invalid(string message) => new(JobErrorClass.GenericError, message) { Kind = JobErrorKind.Invalid };
}
