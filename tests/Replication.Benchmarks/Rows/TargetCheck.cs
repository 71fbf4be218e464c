using Replication.Benchmarks.Contestants;

namespace Replication.Benchmarks.Rows;

/// <summary>Who copied nothing would win every row.</summary>
internal static class TargetCheck
{
    /// <exception cref="BenchException">The target does not hold what the disk held.</exception>
    public static async Task SameAsync(string disk, BackupRequest request)
    {
        if (request.Format == "raw")
        {
            if (DiskImage.FirstDifference(disk, request.Target) is { } offset)
                throw new BenchException($"the backup {request.Target} differs from {disk} from byte {offset} on");
            return;
        }

        (int exitCode, string output) = await Programs.RunAsync("qemu-img", "compare", "-U", "-f", request.Format, "-F", "raw", request.Target, disk);
        if (exitCode != 0)
            throw new BenchException($"the backup {request.Target} differs from {disk}: {output.Trim()}");
    }
}
