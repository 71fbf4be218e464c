using Replication.Interop.Support;

namespace Replication.Interop.Backup;

/// <summary>What other people's programs say about a backup's target.</summary>
internal static class BackupImages
{
    /// <summary>The image is sound, whole, and its content is this.</summary>
    public static async Task<byte[]> ReadAsync(string image, string format)
    {
        Assert.False(File.Exists(image + ".incomplete"), $"{image} is marked as incomplete");
        if (format == "raw")
            return await File.ReadAllBytesAsync(image);
        await Command.RequireAsync("qemu-img", "check", "-f", format, image);
        string restored = image + ".restored";
        await Command.RequireAsync("qemu-img", "convert", "-f", format, "-O", "raw", image, restored);
        byte[] content = await File.ReadAllBytesAsync(restored);
        File.Delete(restored);
        return content;
    }

    /// <summary>What the image, with all that is below it, holds is what the disk holds.</summary>
    public static Task EqualsDiskAsync(string image, string format, string disk) =>
        // -U: the node holds the disk's locks.
        Command.RequireAsync("qemu-img", "compare", "-U", "-f", format, "-F", "raw", image, disk);
}
