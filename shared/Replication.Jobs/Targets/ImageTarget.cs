using System.Text.Json.Nodes;
using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Targets;

/// <summary>An image of one of QEMU's formats, which QEMU's own programs make and write.</summary>
/// <param name="path">Where it is.</param>
/// <param name="kind">What is there; null: nothing.</param>
/// <param name="format">QEMU's name of it.</param>
/// <param name="description">What was asked for.</param>
/// <param name="environment">The node's.</param>
internal sealed class ImageTarget(string path, FileKind? kind, string format, TargetDescription description, TargetEnvironment environment)
{
    private readonly IncompleteMarker? _marker =
        description.Use == TargetUse.Scratch || kind == FileKind.BlockDevice ? null : IncompleteMarker.Of(path, environment);

    public async Task<BackupTarget> OpenAsync(CancellationToken cancellationToken)
    {
        // Looked for before anything is changed.
        QemuPrograms.Find("qemu-nbd", description.Target, environment);
        var images = new QemuImg(description.Target, environment);
        if (description.Mode == TargetMode.AbsolutePaths)
            await MakeAsync(images, cancellationToken);
        ImageInfo info = await images.InfoAsync(path, format, cancellationToken);
        if (info.LengthBytes != description.LengthBytes)
            throw TargetException.WrongLength(description.Target, info.LengthBytes, description.LengthBytes);
        long lengthBytes = description.LengthBytes;
        if (description.Compress && info.ClusterBytes > 0 && lengthBytes % info.ClusterBytes != 0)
        {
            // QEMU compresses whole clusters only, and does not open an image that ends in the middle of one for that. It gets its length back at its end.
            lengthBytes = (lengthBytes + info.ClusterBytes - 1) / info.ClusterBytes * info.ClusterBytes;
            await LengthenAsync(images, lengthBytes, cancellationToken);
        }

        return await StartAsync(images, info, lengthBytes, cancellationToken);
    }

    /// <summary>Refuses what opening would refuse; an image that would be made is made elsewhere, and goes. Returns the cluster.</summary>
    public async Task<int> CheckAsync(CancellationToken cancellationToken)
    {
        QemuPrograms.Find("qemu-nbd", description.Target, environment);
        var images = new QemuImg(description.Target, environment);
        if (kind is not null)
            await RawTarget.CheckUsableAsync(path, kind, description, environment, isKept: false);
        ImageInfo info = description.Mode == TargetMode.Existing
            ? await images.InfoAsync(path, format, cancellationToken)
            : await TryToMakeAsync(images, cancellationToken);
        return info.LengthBytes == description.LengthBytes
            ? info.ClusterBytes
            : throw TargetException.WrongLength(description.Target, info.LengthBytes, description.LengthBytes);
    }

    private async Task<ImageInfo> TryToMakeAsync(QemuImg images, CancellationToken cancellationToken)
    {
        // A backing file is looked for from the image's directory on.
        string? backing = description.BackingFile is { } file && !file.Contains(':', StringComparison.Ordinal)
            ? Path.Combine(Path.GetDirectoryName(path)!, file)
            : description.BackingFile;
        string directory = Path.Combine(environment.SocketDirectory, $"replication-{Guid.NewGuid():N}");
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            string image = Path.Combine(directory, "image");
            await images.CreateAsync(image, format, description with { BackingFile = backing }, cancellationToken);
            return await images.InfoAsync(image, format, cancellationToken);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private async Task LengthenAsync(QemuImg images, long lengthBytes, CancellationToken cancellationToken)
    {
        bool isUnchanged = description.Mode == TargetMode.Existing;
        if (isUnchanged)
            RawTarget.Set(_marker, description, environment);
        try
        {
            await images.ResizeAsync(path, format, lengthBytes, cancellationToken);
        }
        catch (TargetException) when (isUnchanged)
        {
            _marker?.Withdraw();
            throw;
        }
    }

    private async Task<BackupTarget> StartAsync(QemuImg images, ImageInfo info, long lengthBytes, CancellationToken cancellationToken)
    {
        ImageProcess process = await ImageProcess.StartAsync(description.Target, Name(), environment, cancellationToken);
        try
        {
            Require(process, lengthBytes);
            if (description.Mode == TargetMode.Existing && lengthBytes == description.LengthBytes)
                RawTarget.Set(_marker, description, environment);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }

        bool isRounded = lengthBytes != description.LengthBytes;
        BlockNode node = isRounded ? new PrefixNode(process.Node, description.LengthBytes) : process.Node;
        return new BackupTarget(node, FileIdentity.Resolve(path), format, info.ClusterBytes, _marker, isRounded ? CloseRoundedAsync : process.DisposeAsync)
        {
            Image = process.Node,
            WhenCut = process.Cut,
            ClosesWhenSealed = isRounded,
        };

        async ValueTask CloseRoundedAsync()
        {
            await process.DisposeAsync();
            await images.ResizeAsync(path, format, description.LengthBytes, CancellationToken.None);
        }
    }

    private async Task MakeAsync(QemuImg images, CancellationToken cancellationToken)
    {
        RawTarget.Set(_marker, description, environment);
        try
        {
            // Made here, for its mode: qemu-img keeps what a file has.
            if (kind is null)
                await RawFile.CreatePrivate(description.Target, path, 0, environment.Workers).DisposeAsync();
            await images.CreateAsync(path, format, description, cancellationToken);
        }
        catch (DiskOpenException e)
        {
            _marker?.Withdraw();
            throw Refused(RawTarget.TroubleOf(e.Errno), e.Reason, e);
        }
        catch (Exception e)
        {
            if (kind is null)
                File.Delete(path);
            // A refusal of another kind may have come when what was there was gone already.
            if (kind is null || e is TargetException { Trouble: TargetTrouble.InUse or TargetTrouble.NoPermission or TargetTrouble.UnknownFormat })
                _marker?.Withdraw();
            throw;
        }
    }

    private void Require(ImageProcess process, long lengthBytes)
    {
        if (process.Node.IsReadOnly)
            throw Refused(TargetTrouble.NotSupported, $"format {format} can only be read");
        if (process.Node.LengthBytes != lengthBytes)
            throw TargetException.WrongLength(description.Target, process.Node.LengthBytes, lengthBytes);
    }

    /// <summary>The image as QEMU's options, in the one spelling in which a path needs no escapes of its own.</summary>
    private string Name()
    {
        var file = new JsonObject { ["driver"] = kind == FileKind.BlockDevice ? "host_device" : "file", ["filename"] = path, ["discard"] = "unmap" };
        var image = new JsonObject { ["driver"] = format, ["discard"] = "unmap", ["file"] = file };
        if (description.BackingIsNode)
            image["backing"] = null;
        if (description.Compress)
            image = new JsonObject { ["driver"] = "compress", ["discard"] = "unmap", ["file"] = image };
        return "json:" + image.ToJsonString();
    }

    private TargetException Refused(TargetTrouble trouble, string reason, Exception? inner = null) => new(description.Target, trouble, reason, inner);
}
