using Replication.Block;
using Replication.Jobs.Commands;
using Replication.Nbd;

namespace Replication.Jobs.Targets;

/// <summary>What a backup writes to, open.</summary>
/// <remarks>
/// A file is marked as incomplete from before its first change until it is sealed; who closes it without that leaves the mark. Sealing is: everything on
/// stable storage, then the mark goes, durably.
/// </remarks>
public sealed class BackupTarget : IBackupTarget
{
    private readonly Func<ValueTask> _closeAsync;
    private bool _isClosed;
    private IncompleteMarker? _marker;

    /// <param name="node">As long as the disk.</param>
    /// <param name="identity">What it is underneath.</param>
    /// <param name="format">QEMU's name of what the target is.</param>
    /// <param name="clusterBytes">The unit in which the format grows; 0: none, or not known.</param>
    /// <param name="marker">Set; null: this target has none.</param>
    /// <param name="closeAsync">Closes the node and what is behind it.</param>
    internal BackupTarget(BlockNode node, string identity, string format, int clusterBytes, IncompleteMarker? marker, Func<ValueTask> closeAsync)
    {
        (Node, Identity, Format, _marker, _closeAsync) = (node, identity, format, marker, closeAsync);
        ClusterBytes = Math.Max(Limits.ClusterBytes, clusterBytes);
        IsClusterKnown = clusterBytes > 0;
    }

    public BlockNode Node { get; }

    /// <summary>The image's process, for who asks what the image holds itself; null: there is none.</summary>
    public NbdClientNode? Image { get; init; }

    /// <summary>The image gets its length only when it is closed: the node takes nothing more once it is sealed.</summary>
    public bool ClosesWhenSealed { get; init; }

    /// <summary>Cuts what is behind the node off; where it is a file of this machine there is nothing to cut.</summary>
    internal Action WhenCut { get; init; } = () => { };

    public string Identity { get; }

    /// <summary>QEMU's name of what it is.</summary>
    public string Format { get; }

    /// <summary>
    /// The smallest unit that a backup to it should track and copy: a power of two. Anything smaller would make the target read what it has not got.
    /// </summary>
    public int ClusterBytes { get; }

    /// <summary>False: the target does not say, and its clusters may be larger. That is worth a warning.</summary>
    public bool IsClusterKnown { get; }

    /// <summary>Opens, or makes, what was described. Refusals come before what was there is changed, but for those that only QEMU can tell.</summary>
    /// <exception cref="TargetException">In one line, why not.</exception>
    internal static Task<BackupTarget> OpenAsync(TargetDescription description, TargetEnvironment environment, CancellationToken cancellationToken = default) =>
        new TargetOpener(description, environment).OpenAsync(cancellationToken);

    /// <summary>Opens, or makes, what a command asks for.</summary>
    /// <exception cref="JobException">In one line, why not.</exception>
    public static async Task<BackupTarget> OpenAsync(
        BackupCommand command, long lengthBytes, TargetEnvironment environment, CancellationToken cancellationToken = default)
    {
        try
        {
            return await OpenAsync(TargetDescription.Of(command, lengthBytes), environment, cancellationToken);
        }
        catch (TargetException e)
        {
            throw new JobException(JobErrorClass.GenericError, e.Message, e) { Kind = JobErrorKind.Failed };
        }
    }

    /// <summary>What <see cref="OpenAsync(BackupCommand, long, TargetEnvironment, CancellationToken)"/> would find; changes nothing.</summary>
    /// <exception cref="JobException">In one line, why it would refuse.</exception>
    public static async Task<TargetOutlook> CheckAsync(
        BackupCommand command, long lengthBytes, TargetEnvironment environment, CancellationToken cancellationToken = default)
    {
        try
        {
            return await new TargetOpener(TargetDescription.Of(command, lengthBytes), environment).CheckAsync(cancellationToken);
        }
        catch (TargetException e)
        {
            throw new JobException(JobErrorClass.GenericError, e.Message, e) { Kind = JobErrorKind.Failed };
        }
    }

    /// <summary>Whether a backup to this file has begun and has not been completed.</summary>
    public static bool IsIncomplete(string path) => IncompleteMarker.IsPresent(Path.GetFullPath(path));

    public void Cut() => WhenCut();

    /// <summary>Says durably that the backup is whole: everything has been written. Nothing is written to it afterwards.</summary>
    /// <exception cref="BlockException">The target could not make it durable, or its mark could not be removed: it stays marked.</exception>
    public async ValueTask SealAsync()
    {
        await PrepareSealAsync();
        try
        {
            _marker?.Remove();
        }
        catch (Exception e) when (IsFileTrouble(e))
        {
            throw StaysMarked(e);
        }

        _marker = null;
    }

    /// <inheritdoc/>
    public async ValueTask<TargetSeal?> PrepareSealAsync()
    {
        await Node.FlushAsync();
        if (_marker is not { } marker)
            return null;
        try
        {
            if (ClosesWhenSealed)
            {
                _isClosed = true;
                await _closeAsync();
            }
        }
        catch (Exception e) when (IsFileTrouble(e))
        {
            throw StaysMarked(e);
        }

        return marker.Seal;
    }

    /// <inheritdoc/>
    public bool CompleteSeal()
    {
        try
        {
            _marker?.Remove();
            _marker = null;
            return true;
        }
        catch (Exception e) when (IsFileTrouble(e))
        {
            return false;
        }
    }

    /// <summary>A decision that is on record has left this to be done: at the node's start. False: it could not be done now either.</summary>
    public static bool Complete(TargetSeal seal, BlockingWorkers workers)
    {
        try
        {
            IncompleteMarker.Complete(seal, workers);
            return true;
        }
        catch (Exception e) when (IsFileTrouble(e))
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        try
        {
            await _closeAsync();
        }
        catch (TargetException)
        {
            // It is closed. What its image lacks is said by the mark, or nobody wants the image any more.
        }
    }

    private static bool IsFileTrouble(Exception e) => e is IOException or UnauthorizedAccessException;

    private BlockException StaysMarked(Exception e) => new(
        BlockErrorKind.Io, Node.Name, BlockOperation.Flush, default, $"is whole, but stays marked as incomplete: {e.Message}", inner: e);
}
