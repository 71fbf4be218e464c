namespace Replication.Nbd;

/// <summary>What a server offers at this moment. Called on the connections' threads; must not block.</summary>
public interface INbdExportCatalog
{
    /// <summary>The export of that name, or null. What the empty name means is decided here.</summary>
    NbdExport? Find(string name);

    /// <summary>What LIST shows.</summary>
    IReadOnlyList<NbdExport> List();
}
