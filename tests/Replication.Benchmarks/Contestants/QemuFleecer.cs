using System.Globalization;
using System.Text.Json.Nodes;
using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>An image whose backing node is the disk, a backup to it with <c>sync=none</c>, and an export of the image.</summary>
internal sealed class QemuFleecer(QemuProcess qemu, string imagePath, long lengthBytes) : IFleecer
{
    private const string Fleece = "fleece";

    public async Task<NbdAddress> OpenAsync(CancellationToken cancellationToken)
    {
        (int exitCode, string output) = await Programs.RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", imagePath, lengthBytes.ToString(CultureInfo.InvariantCulture));
        if (exitCode != 0)
            throw new BenchException($"qemu-img create: {output.Trim()}");
        var image = new JsonObject
        {
            ["driver"] = "qcow2",
            ["node-name"] = Fleece,
            ["file"] = QemuProcess.File(imagePath),
            ["backing"] = BackupHost.FullDisk,
        };
        await qemu.RunAsync("blockdev-add", image, cancellationToken);
        var backup = new JsonObject { ["job-id"] = Fleece, ["device"] = BackupHost.FullDisk, ["target"] = Fleece, ["sync"] = "none" };
        await qemu.RunAsync("blockdev-backup", backup, cancellationToken);
        await qemu.RunAsync(
            "block-export-add", new JsonObject { ["type"] = "nbd", ["id"] = Fleece, ["node-name"] = Fleece, ["name"] = Fleece }, cancellationToken);
        return qemu.Address(Fleece);
    }

    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        qemu.Monitor.ForgetEvents();
        await qemu.RunAsync("block-export-del", new JsonObject { ["id"] = Fleece, ["mode"] = "hard" }, cancellationToken);
        await qemu.Monitor.WaitForAsync("BLOCK_EXPORT_DELETED", cancellationToken);
        await qemu.RunAsync("block-job-cancel", new JsonObject { ["device"] = Fleece }, cancellationToken);
        while ((await qemu.Monitor.WaitForAsync("JOB_STATUS_CHANGE", cancellationToken)).GetProperty("status").GetString() != "null")
        {
            // It still holds the image.
        }

        await qemu.RunAsync("blockdev-del", new JsonObject { ["node-name"] = Fleece }, cancellationToken);
        File.Delete(imagePath);
    }

    public ValueTask DisposeAsync() => default;
}
