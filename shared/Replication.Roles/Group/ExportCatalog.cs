using Replication.Nbd;

namespace Replication.Roles;

/// <summary>The exports of one kind that a node offers now; the empty name means the only one.</summary>
/// <remarks>Mirror exports are not listed: their names carry the session's token, and who knows a token may write.</remarks>
public sealed class ExportCatalog : INbdExportCatalog
{
    private readonly Lock _lock = new();
    private volatile NbdExport[] _exports; // replaced under _lock

    private readonly bool _listed;

    public ExportCatalog(IEnumerable<NbdExport> exports, bool listed = true)
    {
        _exports = [.. exports];
        _listed = listed;
    }

    public NbdExport? Find(string name)
    {
        NbdExport[] exports = _exports;
        return name.Length == 0 && _listed && exports.Length == 1 ? exports[0] : Array.Find(exports, export => export.Name == name);
    }

    public IReadOnlyList<NbdExport> List() => _listed ? _exports : [];

    internal void Add(IEnumerable<NbdExport> exports)
    {
        lock (_lock)
            _exports = [.. _exports, .. exports];
    }

    internal void Remove(IReadOnlyList<NbdExport> exports)
    {
        lock (_lock)
            _exports = [.. _exports.Except(exports)];
    }
}
