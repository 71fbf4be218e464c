using System.Text.Json;
using Replication.Block;
using Replication.Block.Files;
using Replication.Testing;

namespace Replication.Nbd.Tests.Interop;

/// <summary>Our server under the programs that people use.</summary>
public sealed class ServerInteropTests : IAsyncLifetime
{
    private const int LengthBytes = 16 << 20;

    private readonly TempDirectory _directory = new();
    private readonly BlockingWorkers _workers = new("interop");
    private RawFile _file = null!;
    private TestServer _server = null!;

    public ValueTask InitializeAsync()
    {
        _file = RawFile.Open("disk0", _directory.CreateFile("disk0.raw", LengthBytes), _workers);
        _server = new TestServer(_file);
        return default;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _file.DisposeAsync();
        _workers.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Nbdinfo_sees_size_flags_block_sizes_and_contexts()
    {
        string nbdinfo = Programs.Require("nbdinfo");
        foreach (NbdAddress address in new[] { _server.Unix, _server.Tcp })
        {
            using JsonDocument info = JsonDocument.Parse(await SucceedsAsync(nbdinfo, "--json", address.ToString()));
            JsonElement export = info.RootElement.GetProperty("exports")[0];
            Assert.Equal("newstyle-fixed", info.RootElement.GetProperty("protocol").GetString());
            Assert.True(info.RootElement.GetProperty("structured").GetBoolean());
            Assert.Equal(LengthBytes, export.GetProperty("export-size").GetInt64());
            Assert.Equal("a disk", export.GetProperty("description").GetString());
            Assert.Equal("base:allocation", Assert.Single(export.GetProperty("contexts").EnumerateArray()).GetString());
            foreach (string can in new[] { "can_df", "can_flush", "can_fua", "can_multi_conn", "can_trim", "can_zero" })
                Assert.True(export.GetProperty(can).GetBoolean(), can);
            Assert.False(export.GetProperty("can_cache").GetBoolean());
            Assert.Equal((1, 4096, 32 << 20), (Number("block_size_minimum"), Number("block_size_preferred"), Number("block_size_maximum")));

            int Number(string name) => export.GetProperty(name).GetInt32();
        }
    }

    [Fact]
    public async Task Nbdinfo_lists_exports_and_maps_extents()
    {
        string nbdinfo = Programs.Require("nbdinfo");
        await _file.FillAsync(new BlockRange(1 << 20, 1 << 20), 1);
        Assert.Contains("export=\"disk0\"", await SucceedsAsync(nbdinfo, "--list", _server.Tcp.ToString()), StringComparison.Ordinal);
        using JsonDocument map = JsonDocument.Parse(await SucceedsAsync(nbdinfo, "--map", "--json", _server.Unix.ToString()));
        Assert.Equal(
            [(0L, 1L << 20, 3), (1L << 20, 1L << 20, 0), (2L << 20, LengthBytes - (2L << 20), 3)],
            map.RootElement.EnumerateArray()
                .Select(e => (e.GetProperty("offset").GetInt64(), e.GetProperty("length").GetInt64(), e.GetProperty("type").GetInt32())));
    }

    [Fact]
    public async Task Nbdcopy_copies_there_and_back()
    {
        string nbdcopy = Programs.Require("nbdcopy");
        byte[] data = DeterministicRandom.Create().Bytes(LengthBytes);
        data.AsSpan(3 << 20, 4 << 20).Clear();
        await File.WriteAllBytesAsync(_directory["source"], data);
        await SucceedsAsync(nbdcopy, _directory["source"], _server.Unix.ToString());
        BlockAssert.Equal(data, await _file.ReadAllAsync());
        await SucceedsAsync(nbdcopy, _server.Tcp.ToString(), _directory["target"]);
        BlockAssert.Equal(data, await File.ReadAllBytesAsync(_directory["target"]));
    }

    [Fact]
    public async Task Qemu_img_converts_compares_and_maps()
    {
        string qemuImg = Programs.Require("qemu-img");
        byte[] data = DeterministicRandom.Create().Bytes(LengthBytes);
        data.AsSpan(5 << 20, 6 << 20).Clear();
        await File.WriteAllBytesAsync(_directory["source"], data);
        string uri = _server.Unix.ToString();
        await SucceedsAsync(qemuImg, "convert", "-n", "-f", "raw", "-O", "raw", _directory["source"], uri);
        BlockAssert.Equal(data, await _file.ReadAllAsync());
        Assert.Contains("identical", await SucceedsAsync(qemuImg, "compare", "-f", "raw", "-F", "raw", _directory["source"], uri), StringComparison.Ordinal);
        Assert.Contains("\"zero\": true", await SucceedsAsync(qemuImg, "map", "--output=json", "-f", "raw", uri), StringComparison.Ordinal);
        Assert.Contains("virtual size: 16 MiB", await SucceedsAsync(qemuImg, "info", _server.Tcp.ToString()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Qemu_io_writes_reads_zeroes_trims_and_flushes()
    {
        string qemuIo = Programs.Require("qemu-io");
        string output = await SucceedsAsync(
            qemuIo, "-f", "raw", _server.Unix.ToString(),
            "-c", "write -P 0x41 0 1M", "-c", "write -f -P 0x42 512k 64k", "-c", "write -z 64k 64k", "-c", "write -z -u 128k 64k",
            "-c", "discard 192k 64k", "-c", "flush",
            "-c", "read -P 0x41 0 64k", "-c", "read -P 0 64k 192k", "-c", "read -P 0x42 512k 64k", "-c", "read -P 0x41 576k 448k", "-c",
            "aio_write -P 0x43 1M 2M", "-c", "aio_read -P 0 8M 4M", "-c", "aio_flush");
        Assert.DoesNotContain("failed", output, StringComparison.OrdinalIgnoreCase);
        await BlockAssert.FilledAsync(_file, new BlockRange(0, 64 << 10), 0x41);
        await BlockAssert.FilledAsync(_file, new BlockRange(64 << 10, 192 << 10), 0);
        await BlockAssert.FilledAsync(_file, new BlockRange(1 << 20, 2 << 20), 0x43);
    }

    [Fact]
    public async Task Libnbd_gets_the_errors_of_the_protocol()
    {
        // The packaged module belongs to the packaged Python.
        string python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : Programs.Require("python3");
        (int exitCode, _) = await Programs.RunAsync(python, "-c", "import nbd");
        Assert.SkipWhen(exitCode != 0, "python3-libnbd is not installed");
        string script = $$"""
            import nbd
            h = nbd.NBD()
            h.add_meta_context("base:allocation")
            h.set_strict_mode(0)
            h.connect_uri("{{_server.Unix}}")
            size = h.get_size()
            def fails(number, f):
                try:
                    f()
                except nbd.Error as e:
                    assert e.errnum == number, (e.errnum, number)
                else:
                    assert False
            import errno
            fails(errno.ENOSPC, lambda: h.pwrite(b"x" * 1024, size - 512))
            fails(errno.EINVAL, lambda: h.pread(1024, size - 512))
            fails(errno.EINVAL, lambda: h.trim(1024, size - 512))
            fails(errno.ENOSPC, lambda: h.zero(1024, size - 512))
            fails(errno.EINVAL, lambda: h.cache(512, 0))
            fails(errno.EINVAL, lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO))
            h.pwrite(bytes(range(256)) * 2, 100, nbd.CMD_FLAG_FUA)
            assert h.pread(512, 100, nbd.CMD_FLAG_DF) == bytes(range(256)) * 2
            chunks = []
            h.pread_structured(65536, 0, lambda buf, off, status, err: chunks.append((off, len(buf))))
            assert sum(n for _, n in chunks) == 65536
            seen = []
            h.block_status(size, 0, lambda ctx, off, entries, err: seen.append((ctx, off, list(entries))))
            assert seen[0][0] == "base:allocation" and sum(seen[0][2][0::2]) == size, seen
            h.block_status(size, 0, lambda ctx, off, entries, err: seen.append(entries), nbd.CMD_FLAG_REQ_ONE)
            assert len(seen[1]) == 2
            h.flush()
            h.shutdown()
            print("done")
            """;
        Assert.EndsWith("done\n", await SucceedsAsync(python, "-c", script), StringComparison.Ordinal);
        Assert.Empty(_server.Troubles);
    }

    [Fact]
    public async Task Fio_verifies_what_it_wrote_at_depth_32()
    {
        string fio = Programs.Require("fio");
        await SucceedsAsync(
            fio, "--name=verify", "--ioengine=nbd", $"--uri={_server.Unix}", "--rw=randwrite", "--bsrange=512-64k", "--bs_unaligned=0",
            "--iodepth=32", "--size=16M", "--loops=2",
            "--serialize_overlap=1", "--verify=crc32c", "--verify_fatal=1", "--randseed=4711", $"--aux-path={_directory.Path}");
    }

    [Fact]
    public async Task A_flush_over_one_connection_of_several_covers_the_writes_of_all()
    {
        string nbdcopy = Programs.Require("nbdcopy");
        byte[] data = DeterministicRandom.Create().Bytes(LengthBytes);
        await File.WriteAllBytesAsync(_directory["source"], data);
        await SucceedsAsync(nbdcopy, "--flush", "--connections=4", "--requests=16", _directory["source"], _server.Tcp.ToString());
        BlockAssert.Equal(data, await _file.ReadAllAsync());
    }

    private static async Task<string> SucceedsAsync(string program, params string[] arguments)
    {
        (int exitCode, string output) = await Programs.RunAsync(program, arguments);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)}: {exitCode}\n{output}");
        return output;
    }
}
