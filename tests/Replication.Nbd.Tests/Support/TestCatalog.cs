namespace Replication.Nbd.Tests;

/// <summary>The exports of a test; the empty name means the first.</summary>
internal sealed class TestCatalog(params NbdExport[] exports) : INbdExportCatalog
{
    public NbdExport? Find(string name) => name.Length == 0 ? exports[0] : exports.FirstOrDefault(export => export.Name == name);

    public IReadOnlyList<NbdExport> List() => exports;
}
