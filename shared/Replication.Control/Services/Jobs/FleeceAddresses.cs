using Replication.Nbd;

namespace Replication.Control.Services.Jobs;

/// <summary>Where a node's fleeces can be read.</summary>
/// <param name="listeners">The guests'.</param>
internal sealed class FleeceAddresses(IReadOnlyList<NbdAddress> listeners)
{
    public IEnumerable<string> Of(string export) => listeners.Select(listener => (listener with { ExportName = export }).ToString());
}
