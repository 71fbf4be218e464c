using Replication.Nbd;

namespace Replication.Roles;

/// <summary>The exports of one kind that a node offers now; the empty name means the only one.</summary>
public sealed class ExportCatalog : INbdExportCatalog
{
    private readonly Lock _lock = new();
    private volatile NbdExport[] _exports; // replaced under _lock

    public ExportCatalog(IEnumerable<NbdExport> exports) => _exports = [.. exports];

    public NbdExport? Find(string name)
    {
        NbdExport[] exports = _exports;
        return name.Length == 0 && exports.Length == 1 ? exports[0] : Array.Find(exports, export => export.Name == name);
    }

    public IReadOnlyList<NbdExport> List() => _exports;

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
