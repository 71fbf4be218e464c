using Replication.Block;

namespace Replication.Jobs.Commands;

/// <summary>An open target of a backup. Closed when it is disposed.</summary>
public interface IBackupTarget : IAsyncDisposable
{
    BlockNode Node { get; }

    /// <summary>Its unit of allocation.</summary>
    int ClusterBytes { get; }

    /// <summary>False: it does not say what its unit is, and the one above is assumed.</summary>
    bool IsClusterKnown => true;

    /// <summary>What it is underneath, for who compares it with a disk: a path without links, an address.</summary>
    string Identity { get; }

    /// <summary>Whatever is under way in it fails, now or soon, and nothing more is written. On any thread, at any time; must not wait.</summary>
    void Cut()
    {
    }

    /// <summary>Everything is in it and has been flushed: from here on it says that it is whole.</summary>
    /// <exception cref="BlockException">It does not.</exception>
    ValueTask SealAsync();

    /// <summary>
    /// The same in two steps, for who decides in between: everything is in it, and it is left to <see cref="CompleteSeal"/> to say so. Null: it says so
    /// already, or never will.
    /// </summary>
    /// <exception cref="BlockException">It is not whole.</exception>
    async ValueTask<TargetSeal?> PrepareSealAsync()
    {
        await SealAsync();
        return null;
    }

    /// <summary>False: it could not be said now.</summary>
    bool CompleteSeal() => true;
}
