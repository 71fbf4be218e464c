using System.Text.Json;
using Replication.Interop.Support;

namespace Replication.Interop.EndToEnd;

/// <summary>Both exports under other people's NBD clients, over TCP and Unix sockets.</summary>
public sealed class ForeignToolsTests : InteropTest
{
    private const int MiB = 1 << 20;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Qemu_io_writes_zeroes_and_discards_through_the_primary_and_reads_on_the_secondary(bool unix)
    {
        Pair pair = await StartPairAsync(new PairOptions { Unix = unix });
        await QemuIoAsync(
            pair.Primary, "write -P 0x21 0 1M", "write -P 0x22 1048577 70001", "write -z 4M 1M", "write -z -u 6M 12345", "discard 8M 1M",
            "aio_write -f -P 0x23 12M 64k", "flush");
        await QemuIoAsync(pair.Secondary, "read -P 0x11 0 16M");
        await pair.DoAsync("checkpoint");
        foreach (Node node in new[] { pair.Primary, pair.Secondary })
        {
            await QemuIoAsync(
                node, "read -P 0x21 0 1M", "read -P 0x11 1M 1", "read -P 0x22 1048577 70001", "read -P 0 4M 1M", "read -P 0 6M 12345", "read -P 0 8M 1M",
                "read -P 0x23 12M 64k");
        }

        await QemuIoAsync(
            pair.Secondary, "write -P 0x31 3M 9000", "write -z 5M 3000", "discard 0 1M", "flush", "read -P 0x31 3M 9000", "read -P 0 5M 3000",
            "read -P 0 0 1M");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nbdinfo_shows_size_and_flags_of_each_export(bool unix)
    {
        Pair pair = await StartPairAsync(new PairOptions { DiskLengthsBytes = [4 * MiB, (2 * MiB) + 512], Unix = unix });
        foreach (Node node in new[] { pair.Primary, pair.Secondary })
        {
            for (int disk = 0; disk < 2; disk++)
            {
                JsonElement export = JsonDocument.Parse(await Command.RequireAsync("nbdinfo", "--json", Uri(node, disk))).RootElement.GetProperty("exports")[0];
                Assert.Equal(disk == 0 ? 4 * MiB : (2 * MiB) + 512, export.GetProperty("export-size").GetInt64());
                Assert.False(export.GetProperty("is_read_only").GetBoolean());
                foreach (string flag in new[] { "can_flush", "can_fua", "can_trim", "can_zero", "can_multi_conn", "can_df" })
                    Assert.True(export.GetProperty(flag).GetBoolean(), flag);
                Assert.Equal(1, export.GetProperty("block_size_minimum").GetInt64());
                Assert.Contains("base:allocation", export.GetProperty("contexts").EnumerateArray().Select(c => c.GetString()));
            }

            string list = await Command.RequireAsync("nbdinfo", "--list", "--json", node.Guest.ToString());
            Assert.Equal(
                ["disk0", "disk1"],
                JsonDocument.Parse(list).RootElement.GetProperty("exports").EnumerateArray().Select(e => e.GetProperty("export-name").GetString()));
        }
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task With_one_disk_the_empty_export_name_works_too()
    {
        Pair pair = await StartNodesAsync(new PairOptions { DiskLengthsBytes = [MiB] });
        JsonElement export = JsonDocument.Parse(
            await Command.RequireAsync("nbdinfo", "--json", pair.Primary.Guest.ToString())).RootElement.GetProperty("exports")[0];
        Assert.Equal(MiB, export.GetProperty("export-size").GetInt64());
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task The_allocation_map_of_the_primary_shows_its_holes()
    {
        Pair pair = await StartNodesAsync(new PairOptions
        {
            DiskLengthsBytes = [8 * MiB],
            Fill = (_, primary, secondary) =>
            {
                foreach (string path in new[] { primary, secondary })
                {
                    using FileStream file = File.Create(path);
                    file.SetLength(8 * MiB);
                    file.Position = 2 * MiB;
                    file.Write(new Random(1).Bytes(MiB));
                }
            },
        });
        JsonElement[] map =
            [.. JsonDocument.Parse(await Command.RequireAsync("nbdinfo", "--map", "--json", Uri(pair.Primary, 0))).RootElement.EnumerateArray()];
        Assert.Equal(8 * MiB, map.Sum(e => e.GetProperty("length").GetInt64()));
        Assert.Equal([2 * MiB], map.Where(e => e.GetProperty("type").GetInt32() == 0).Select(e => e.GetProperty("offset").GetInt64()));
        Assert.Equal(MiB, map.Where(e => e.GetProperty("type").GetInt32() == 0).Sum(e => e.GetProperty("length").GetInt64()));
        Assert.All(map.Where(e => e.GetProperty("offset").GetInt64() != 2 * MiB), e => Assert.Equal(3, e.GetProperty("type").GetInt32()));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task The_allocation_map_of_the_secondary_never_calls_a_block_zero_that_the_view_holds()
    {
        Pair pair = await StartPairAsync();
        await QemuIoAsync(pair.Primary, "discard 0 4M", "write -z -u 4M 4M");
        await QemuIoAsync(pair.Secondary, "write -P 0x51 12M 1M");
        // The zeroes are on the secondary disk; its guest must go on seeing data.
        string map = await Command.RequireAsync("nbdinfo", "--map", "--json", Uri(pair.Secondary, 0));
        Assert.All(JsonDocument.Parse(map).RootElement.EnumerateArray(), e => Assert.Equal(0, e.GetProperty("type").GetInt32() & 2));
        await QemuIoAsync(pair.Secondary, "read -P 0x11 0 12M", "read -P 0x51 12M 1M", "read -P 0x11 13M 3M");
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Nbdcopy_takes_an_export_to_a_file_and_a_file_to_an_export()
    {
        Random random = DeterministicRandom.Create();
        Pair pair = await StartPairAsync();
        string source = Path.Combine(pair.DirectoryPath, "source.raw");
        byte[] content = random.Bytes(16 * MiB);
        content.AsSpan(5 * MiB, 3 * MiB).Clear();
        await File.WriteAllBytesAsync(source, content);
        await Command.RequireAsync("nbdcopy", "--flush", source, Uri(pair.Primary, 0));
        await pair.DoAsync("checkpoint");
        foreach (Node node in new[] { pair.Primary, pair.Secondary })
        {
            string copy = Path.Combine(pair.DirectoryPath, "copy.raw");
            await Command.RequireAsync("nbdcopy", Uri(node, 0), copy);
            BlockAssert.Equal(content, await File.ReadAllBytesAsync(copy));
            File.Delete(copy);
        }

        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Qemu_img_converts_from_the_secondarys_export()
    {
        Pair pair = await StartPairAsync();
        await QemuIoAsync(pair.Primary, "write -P 0x61 1M 1M", "write -z -u 2M 3M");
        await pair.DoAsync("checkpoint");
        string copy = Path.Combine(pair.DirectoryPath, "copy.raw");
        await Command.RequireAsync("qemu-img", "convert", "-f", "raw", "-O", "raw", Uri(pair.Secondary, 0), copy);
        await Command.RequireAsync("qemu-img", "compare", "-U", "-f", "raw", "-F", "raw", copy, pair.Primary.DiskPaths[0]);
    }

    private static Task QemuIoAsync(Node node, params string[] commands) => QemuIo.RunAsync(Uri(node, 0), commands);

    private static string Uri(Node node, int disk) => (node.Guest with { ExportName = $"disk{disk}" }).ToString();
}
