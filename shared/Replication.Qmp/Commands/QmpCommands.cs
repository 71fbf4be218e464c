using Replication.Block;
using Replication.Qmp.Schema;

namespace Replication.Qmp;

/// <summary>The commands that a node has: each of the schema's that somebody carries out. Filled before the door opens, not changed afterwards.</summary>
public sealed class QmpCommands
{
    private readonly Dictionary<string, QmpHandler> _handlers = [];

    /// <summary>A command of the schema is carried out by <paramref name="handler"/>.</summary>
    public void Handle(string name, QmpHandler handler)
    {
        Invariant.Check(QmpSchema.Commands.ContainsKey(name), $"the schema has no command '{name}'");
        Invariant.Check(!QmpSchema.Own.Any(own => own.Name == name), $"'{name}' is the door's own command");
        _handlers.Add(name, handler);
    }

    /// <summary>Those that exist, the door's own among them.</summary>
    internal IEnumerable<string> Names => QmpSchema.Own.Select(own => own.Name).Concat(_handlers.Keys).Order(StringComparer.Ordinal);

    internal bool TryFind(string name, out QmpHandler? handler) => _handlers.TryGetValue(name, out handler);
}
