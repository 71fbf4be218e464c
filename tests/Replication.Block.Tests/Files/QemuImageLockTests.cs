using System.Globalization;
using System.Runtime.InteropServices;
using Replication.Block.Files;
using Replication.Block.Linux;
using Replication.Testing;

namespace Replication.Block.Tests.Files;

/// <summary>Our locks against the real programs, both ways.</summary>
public sealed partial class QemuImageLockTests : IDisposable
{
    private readonly BlockingWorkers _workers = new();
    private readonly TempDirectory _directory = new();
    private readonly string _path;

    public QemuImageLockTests() => _path = _directory.CreateFile("disk.raw", 1 << 20);

    [Theory]
    [InlineData("qemu-img", "resize", "-f", "raw", "DISK", "2M")]
    [InlineData("qemu-img", "convert", "-f", "raw", "-O", "raw", "DISK", "/dev/null")]
    [InlineData("qemu-io", "-f", "raw", "-c", "write 0 512", "DISK")]
    [InlineData("qemu-nbd", "-f", "raw", "-k", "SOCKET", "DISK")]
    public async Task Qemu_is_refused_a_disk_that_a_node_has_open(string program, params string[] arguments)
    {
        string path = Programs.Require(program);
        await using RawFile node = RawFile.Open("disk0", _path, _workers);
        (int exitCode, string output) = await Programs.RunAsync(
            path, [.. arguments.Select(a => a switch { "DISK" => _path, "SOCKET" => _directory["nbd.sock"], _ => a })]);
        Assert.NotEqual(0, exitCode);
        Assert.Matches("Failed to get .*lock", output);
        Assert.Equal(1 << 20, new FileInfo(_path).Length);
        await BlockAssert.FilledAsync(node, new BlockRange(0, 1 << 20), 0);
    }

    /// <summary>It has a copy of every descriptor until its exec, and locks belong to the open file that both mean.</summary>
    [Fact]
    public async Task A_disk_that_was_closed_is_free_though_a_program_that_is_being_started_has_a_copy_of_it()
    {
        int copy;
        await using (RawFile.Open("disk0", _path, _workers))
            copy = Dup(DescriptorOf(_path));
        Assert.True(copy >= 0);
        await using (RawFile next = RawFile.Open("disk0", _path, _workers))
            await next.WriteAsync(0, new byte[512]);
        Assert.Equal(0, LibC.Close(copy));
    }

    [Fact]
    public async Task Qemu_may_look_with_force_share()
    {
        string program = Programs.Require("qemu-img");
        await using RawFile node = RawFile.Open("disk0", _path, _workers);
        (int exitCode, string output) = await Programs.RunAsync(program, "info", "-U", "-f", "raw", _path);
        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task Qemu_is_welcome_once_the_node_has_closed_the_disk()
    {
        string program = Programs.Require("qemu-io");
        await (RawFile.Open("disk0", _path, _workers)).DisposeAsync();
        (int exitCode, string output) = await Programs.RunAsync(program, "-f", "raw", "-c", "write -P 7 0 512", _path);
        Assert.True(exitCode == 0, output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_disk_that_qemu_has_open_is_refused(bool readOnly)
    {
        string program = Programs.Require("qemu-nbd");
        string socket = _directory["nbd.sock"];
        string[] arguments = ["-f", "raw", "-t", "-k", socket, .. readOnly ? new[] { "-r" } : [], _path];
        await using RunningProcess server = RunningProcess.Start(program, arguments);
        // qemu-nbd listens before it opens and locks the image, and greets a client only afterwards.
        await Eventually.TrueAsync(() => File.Exists(socket) || server.HasExited);
        (int exitCode, string output) = await Programs.RunAsync(Programs.Require("nbdinfo"), "--size", $"nbd+unix:///?socket={socket}");
        Assert.True(exitCode == 0, output + server.Output);
        DiskOpenException error = Assert.Throws<DiskOpenException>(() => RawFile.Open("disk0", _path, _workers));
        Assert.Equal("is in use by another process", error.Reason);
        await server.KillAsync();
        await using RawFile node = RawFile.Open("disk0", _path, _workers);
    }

    public void Dispose()
    {
        _workers.Dispose();
        _directory.Dispose();
    }

    private static int DescriptorOf(string path)
    {
        foreach (string link in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
        {
            try
            {
                if (File.ResolveLinkTarget(link, returnFinalTarget: false)?.FullName == path)
                    return int.Parse(Path.GetFileName(link), CultureInfo.InvariantCulture);
            }
            catch (IOException)
            {
                // Another test has closed it meanwhile.
            }
        }

        return -1;
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Dup(int descriptor);
}
