using Replication.Block.Files;

namespace Replication.Block.State;

/// <summary>The durable state of a node: manifest and epoch record, and the lock that keeps a second process out.</summary>
public sealed class StateDirectory : IAsyncDisposable
{
    private StateDirectory(IFileStore files, EpochRecordFile record, Manifest? manifest)
    {
        Files = files;
        Record = record;
        Manifest = manifest;
    }

    /// <summary>The directory's files; the dirty bitmaps are kept beside the record.</summary>
    public IFileStore Files { get; }

    public EpochRecordFile Record { get; }

    /// <summary>Null in a new directory. Its history ends with the record's generation: what the record has not reached was dropped.</summary>
    public Manifest? Manifest { get; private set; }

    /// <summary>Opens the state in <paramref name="files"/>, begins it where there is none, and locks it.</summary>
    /// <param name="files">The directory.</param>
    /// <param name="decorate">Wraps the record's node (named "record"), for tests.</param>
    /// <param name="power">Records survive a loss of power, too.</param>
    /// <exception cref="StateException">In use by another process, unreadable, or of an unknown version.</exception>
    public static async ValueTask<StateDirectory> OpenAsync(IFileStore files, Func<BlockNode, BlockNode>? decorate = null, bool power = false)
    {
        BlockNode node = await OpenRecordAsync(files);
        try
        {
            EpochRecordFile record = await EpochRecordFile.OpenAsync(decorate?.Invoke(node) ?? node, Path.Combine(files.Path, EpochRecordFile.FileName), power);
            if (power)
                files.SyncNames();
            string path = Path.Combine(files.Path, Manifest.FileName);
            Manifest? manifest = files.Read(Manifest.FileName) is { } encoded ? Manifest.Decode(encoded, path).UpTo(record.Current) : null;
            if (manifest is null && record.Current is not null)
                throw new StateException($"state directory {files.Path} has a record but no manifest");
            if (manifest is not null && record.Current is { } current && current.GroupId != manifest.GroupId)
                throw new StateException($"state directory {files.Path}: record and manifest belong to different groups");
            return new StateDirectory(files, record, manifest);
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>Replaces the manifest, durably. The record that reaches its last generation is written afterwards.</summary>
    public void SaveManifest(Manifest manifest)
    {
        Files.Replace(Manifest.FileName, manifest.Encode());
        Manifest = manifest;
    }

    public ValueTask DisposeAsync() => Record.DisposeAsync();

    private static async ValueTask<BlockNode> OpenRecordAsync(IFileStore files)
    {
        try
        {
            BlockNode? node = files.Open(EpochRecordFile.FileName, "record");
            if (node?.LengthBytes == EpochRecordFile.FileBytes)
                return node;
            if (node is not null)
            {
                // Killed while it was made: there has never been a record.
                await node.DisposeAsync();
                files.Delete(EpochRecordFile.FileName);
            }

            node = files.Create(EpochRecordFile.FileName, EpochRecordFile.FileBytes, "record");
            // Allocated now, so that a full disk cannot fail a checkpoint later.
            await node.WriteAsync(0, new byte[EpochRecordFile.FileBytes]);
            return node;
        }
        catch (DiskOpenException e) when (e.Errno is Errno.EAGAIN or Errno.EACCES)
        {
            throw new StateException($"state directory {files.Path} is in use by another process", e);
        }
        catch (DiskOpenException e)
        {
            throw new StateException(e.Message, e);
        }
    }
}
