namespace Replication.Nbd;

/// <summary>Exports that come and go while clients are connected. The empty name means the only one.</summary>
public sealed class NbdExportTable : INbdExportCatalog
{
    private readonly Lock _lock = new();
    private volatile NbdExport[] _exports = []; // Replaced under _lock.

    public NbdExport? Find(string name)
    {
        NbdExport[] exports = _exports;
        return name.Length == 0 && exports.Length == 1 ? exports[0] : Array.Find(exports, export => export.Name == name);
    }

    public IReadOnlyList<NbdExport> List() => _exports;

    /// <summary>Offers an export from now on.</summary>
    /// <exception cref="NbdExportException">Its name is taken, or there are too many.</exception>
    public void Add(NbdExport export)
    {
        lock (_lock)
        {
            if (Array.Exists(_exports, other => other.Name == export.Name))
                throw new NbdExportException($"there is an export '{export.Name}' already; remove it, or give the new one another name");
            if (_exports.Length >= Limits.MaxExports)
                throw new NbdExportException($"export '{export.Name}' would be one more than {Limits.MaxExports}; remove others first");
            _exports = [.. _exports, export];
        }
    }

    /// <summary>
    /// Takes an export away: no client finds it from now on. Completes when no connection uses it any more; where that is waited for, its name is free already.
    /// </summary>
    /// <exception cref="NbdExportException">There is none, or it is in use and the mode is <see cref="NbdRemoveMode.Safe"/>: then it stays.</exception>
    public async Task RemoveAsync(string name, NbdRemoveMode mode = NbdRemoveMode.Safe)
    {
        NbdExport export;
        lock (_lock)
        {
            export = Array.Find(_exports, export => export.Name == name) ?? throw new NbdExportException($"there is no export '{name}'");
            if (mode == NbdRemoveMode.Safe && !export.TryWithdraw("it was removed", out int connections))
            {
                throw new NbdExportException(
                    $"export '{name}' is in use by {connections} connection(s); disconnect them, or remove it with mode hard");
            }

            _exports = [.. _exports.Where(other => other != export)];
        }

        await export.RevokeAsync("it was removed");
    }

    /// <summary>Takes every export away, and closes their connections; completes when none is left.</summary>
    public Task ClearAsync(string reason)
    {
        NbdExport[] exports;
        lock (_lock)
        {
            exports = _exports;
            _exports = [];
        }

        return Task.WhenAll(exports.Select(export => export.RevokeAsync(reason)));
    }
}
