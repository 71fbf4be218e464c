namespace Replication.Nbd;

/// <summary>An NBD server over one or more listeners and one catalog; it owns the listeners.</summary>
public sealed class NbdServer : IAsyncDisposable
{
    public NbdServer(IReadOnlyList<NbdListener> listeners, INbdExportCatalog catalog, NbdServerOptions? options = null)
    {
        _ = (listeners, catalog, options);
    }

    /// <summary>Begins to accept.</summary>
    public void Start() => throw new NotImplementedException();

    /// <summary>Stops accepting. With <paramref name="drain"/> requests in flight are answered, later ones get ESHUTDOWN; then every connection is closed.</summary>
    public Task StopAsync(bool drain = true) => throw new NotImplementedException();

    /// <summary>Stops without waiting for clients; requests in flight end first all the same.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(drain: false);
}
