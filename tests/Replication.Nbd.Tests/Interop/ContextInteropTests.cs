using System.Text.Json;
using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Testing;

namespace Replication.Nbd.Tests.Interop;

/// <summary>Contexts of our server under other people's clients, and of qemu-nbd under ours.</summary>
public sealed class ContextInteropTests : IDisposable
{
    private const int LengthBytes = 16 << 20;
    private const int GranuleBytes = 64 << 10;

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Nbdinfo_lists_and_maps_bitmaps_and_depths()
    {
        string nbdinfo = Programs.Require("nbdinfo");
        await using TestServer server = NewServer();
        using (JsonDocument info = JsonDocument.Parse(await SucceedsAsync(nbdinfo, "--json", server.Tcp.ToString())))
        {
            Assert.Equal(
                ["base:allocation", "qemu:allocation-depth", "qemu:dirty-bitmap:b0", "qemu:dirty-bitmap:b1"],
                info.RootElement.GetProperty("exports")[0].GetProperty("contexts").EnumerateArray().Select(name => name.GetString()));
        }

        string list = await SucceedsAsync(nbdinfo, "--list", server.Unix.ToString());
        Assert.Contains("qemu:dirty-bitmap:b1", list, StringComparison.Ordinal);
        Assert.Equal(
            [(0L, 1L << 20, 0), (1L << 20, 2L << 20, 1), (3L << 20, LengthBytes - (3L << 20), 0)],
            await MapAsync(nbdinfo, "--map=qemu:dirty-bitmap:b0", server.Unix));
        Assert.Equal([(0L, LengthBytes - GranuleBytes, 0), (LengthBytes - GranuleBytes, GranuleBytes, 1)],
            await MapAsync(nbdinfo, "--map=qemu:dirty-bitmap:b1", server.Tcp));
        Assert.Equal([(0L, 4L << 20, 1), (4L << 20, LengthBytes - (4L << 20), 2)], await MapAsync(nbdinfo, "--map=qemu:allocation-depth", server.Unix));
    }

    [Fact]
    public async Task Qemu_img_maps_a_bitmap()
    {
        string qemuImg = Programs.Require("qemu-img");
        await using TestServer server = NewServer();
        string image = $"driver=nbd,export=disk0,server.type=unix,server.path={server.Unix.SocketPath},x-dirty-bitmap=qemu:dirty-bitmap:b0";
        using JsonDocument map = JsonDocument.Parse(await SucceedsAsync(qemuImg, "map", "--output=json", "--image-opts", image));
        // It shows what is dirty as not being data.
        Assert.Equal([true, false, true], map.RootElement.EnumerateArray().Select(extent => extent.GetProperty("data").GetBoolean()));
        Assert.Equal([0, 1L << 20, 3L << 20], map.RootElement.EnumerateArray().Select(extent => extent.GetProperty("start").GetInt64()));
    }

    [Fact]
    public async Task Libnbd_gets_several_contexts_in_one_reply_and_trims_a_read_only_export()
    {
        string python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : Programs.Require("python3");
        (int exitCode, _) = await Programs.RunAsync(python, "-c", "import nbd");
        Assert.SkipWhen(exitCode != 0, "python3-libnbd is not installed");
        await using TestServer server = NewServer(readOnly: true);
        string script = $$"""
            import nbd, errno
            h = nbd.NBD()
            names = ["base:allocation", "qemu:dirty-bitmap:b0", "qemu:dirty-bitmap:b1"]
            for name in names:
                h.add_meta_context(name)
            h.set_strict_mode(0)
            h.connect_uri("{{server.Unix}}")
            assert [h.can_meta_context(name) for name in names] == [True] * 3
            assert not h.can_meta_context("qemu:dirty-bitmap:none")
            seen = {}
            h.block_status(h.get_size(), 0, lambda ctx, off, entries, err: seen.update({ctx: list(entries)}))
            assert seen["qemu:dirty-bitmap:b0"] == [1 << 20, 0, 2 << 20, 1, 13 << 20, 0], seen
            assert seen["qemu:dirty-bitmap:b1"] == [(16 << 20) - 65536, 0, 65536, 1], seen
            assert sum(seen["base:allocation"][0::2]) == h.get_size()
            one = {}
            h.block_status(2 << 20, 0, lambda ctx, off, entries, err: one.update({ctx: list(entries)}), nbd.CMD_FLAG_REQ_ONE)
            assert all(len(entries) == 2 for entries in one.values()) and len(one) == 3, one
            assert h.is_read_only() and h.can_trim()
            h.trim(65536, 0)
            try:
                h.pwrite(b"x" * 512, 0)
                assert False
            except nbd.Error as e:
                assert e.errnum == errno.EPERM
            print("done")
            """;
        Assert.EndsWith("done\n", await SucceedsAsync(python, "-c", script), StringComparison.Ordinal);
        Assert.Empty(server.Troubles);
    }

    [Fact]
    public async Task Our_client_reads_a_bitmap_and_the_depths_of_qemu_nbd()
    {
        string qemuNbd = Programs.Require("qemu-nbd"), qemuImg = Programs.Require("qemu-img"), qemuIo = Programs.Require("qemu-io");
        (string basis, string top, string socket) = (_directory["base.qcow2"], _directory["top.qcow2"], _directory["qemu.sock"]);
        await SucceedsAsync(qemuImg, "create", "-q", "-f", "qcow2", basis, "16M");
        await SucceedsAsync(qemuIo, "-f", "qcow2", basis, "-c", "write 2M 1M");
        await SucceedsAsync(qemuImg, "create", "-q", "-f", "qcow2", "-b", basis, "-F", "qcow2", top);
        await SucceedsAsync(qemuImg, "bitmap", "--add", "-g", "64k", top, "b0");
        await SucceedsAsync(qemuIo, "-f", "qcow2", top, "-c", "write 0 1M", "-c", "write 5M 64k");
        await using RunningProcess process = RunningProcess.Start(qemuNbd, "-f", "qcow2", "-r", "-k", socket, "-t", "--bitmap=b0", "--allocation-depth", top);
        string bitmap = NbdContextNames.DirtyBitmap("b0");
        NbdClientNode? connected = null;
        await Eventually.TrueAsync(() => process.HasExited || TryConnect());
        Assert.False(process.HasExited, process.Output);
        await using NbdClientNode client = connected!;
        Assert.Equal(["base:allocation", NbdContextNames.AllocationDepth, bitmap], client.Contexts.Order());
        const long mib = 1 << 20;
        Assert.Equal(
            [(new BlockRange(0, mib), 1u), (new BlockRange(mib, 4 * mib), 0u), (new BlockRange(5 * mib, 64 << 10), 1u),
             (BlockRange.FromBounds((5 * mib) + (64 << 10), LengthBytes), 0u)],
            await ReadAsync(bitmap));
        Assert.Equal(
            [(new BlockRange(0, mib), 1u), (new BlockRange(mib, mib), 0u), (new BlockRange(2 * mib, mib), 2u), (new BlockRange(3 * mib, 2 * mib), 0u),
             (new BlockRange(5 * mib, 64 << 10), 1u), (BlockRange.FromBounds((5 * mib) + (64 << 10), LengthBytes), 0u)],
            await ReadAsync(NbdContextNames.AllocationDepth));
        Assert.Equal(new Extent(mib, ExtentFlags.Data), await client.StatusAsync(new BlockRange(0, LengthBytes)));

        async Task<List<(BlockRange Range, uint Flags)>> ReadAsync(string context)
        {
            List<(BlockRange Range, uint Flags)> parts = [];
            await foreach ((BlockRange Range, uint Flags) part in client.ReadContextAsync(context, new BlockRange(0, client.LengthBytes)))
                parts.Add(part);
            return parts;
        }

        bool TryConnect()
        {
            try
            {
                var options = new NbdClientOptions { Contexts = [bitmap, NbdContextNames.AllocationDepth, "qemu:dirty-bitmap:none"] };
                connected = NbdClient.ConnectAsync(NbdAddress.Unix(socket), "", options).GetAwaiter().GetResult();
                return true;
            }
            catch (NbdConnectException)
            {
                return false; // It has not opened its socket yet.
            }
        }
    }

    /// <summary>b0 marks the second and third MiB, b1 the last granule; the first 4 MiB are this layer's.</summary>
    private static TestServer NewServer(bool readOnly = false)
    {
        BlockBitmap b0 = new(LengthBytes / GranuleBytes), b1 = new(LengthBytes / GranuleBytes);
        b0.Set(16, 32);
        b1.Set(255, 1);
        return new TestServer(new NbdExport("disk0", new MemoryNode(LengthBytes))
        {
            ReadOnly = readOnly,
            TakesTrim = readOnly,
            Contexts = [
                new AllocationDepthContext(range => ValueTask.FromResult(range.OffsetBytes < 4 << 20
                    ? new NbdExtent(Math.Min(range.LengthBytes, (4 << 20) - range.OffsetBytes), 1)
                    : new NbdExtent(range.LengthBytes, 2))),
                new DirtyBitmapContext("b0", b0, GranuleBytes), new DirtyBitmapContext("b1", b1, GranuleBytes)],
        });
    }

    private static async Task<List<(long OffsetBytes, long LengthBytes, int Type)>> MapAsync(string nbdinfo, string option, NbdAddress address)
    {
        using JsonDocument map = JsonDocument.Parse(await SucceedsAsync(nbdinfo, option, "--json", address.ToString()));
        return [.. map.RootElement.EnumerateArray()
            .Select(e => (e.GetProperty("offset").GetInt64(), e.GetProperty("length").GetInt64(), e.GetProperty("type").GetInt32()))];
    }

    private static async Task<string> SucceedsAsync(string program, params string[] arguments)
    {
        (int exitCode, string output) = await Programs.RunAsync(program, arguments);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)}: {exitCode}\n{output}");
        return output;
    }
}
