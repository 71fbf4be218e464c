using Replication.Nbd;

namespace Replication.Roles;

/// <summary>All that a node offers where its guests connect: its disks, and its fleeces by their names.</summary>
/// <remarks>A guest that names no export finds the only disk, whatever else there is beside it.</remarks>
internal sealed class GuestListenerExports(INbdExportCatalog disks, INbdExportCatalog fleeces) : INbdExportCatalog
{
    public NbdExport? Find(string name) => disks.Find(name) ?? (name.Length > 0 ? fleeces.Find(name) : null);

    public IReadOnlyList<NbdExport> List() => [.. disks.List(), .. fleeces.List()];
}
