using System.Text.Json;
using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Locks;
using Replication.Block.Snapshots;
using Replication.Jobs.Backup;
using Replication.Nbd;
using Replication.Testing;

namespace Replication.Jobs.Tests.Backup;

/// <summary>A point in time as an NBD export, limited to a bitmap or not, under a guest that writes and the programs that people use.</summary>
public sealed class FleecingOverNbdTests : IAsyncLifetime
{
    private const int Cluster = 64 << 10;
    private const int Clusters = 128;
    private const int LengthBytes = Clusters * Cluster;

    private readonly TempDirectory _directory = new();
    private readonly NbdExportTable _exports = new();
    private readonly MemoryNode _source = new(LengthBytes, "source");
    private readonly MemoryNode _target = new(LengthBytes, "target");
    private readonly BlockBitmap _b0 = new(Clusters);
    private readonly BeforeWriteNode _guest;
    private byte[] _before = null!;
    private NbdListener _listener = null!;
    private NbdServer _server = null!;

    public FleecingOverNbdTests() => _guest = new BeforeWriteNode("guest", _source, new GroupGate(TimeProvider.System));

    private NbdAddress Address => _listener.LocalAddress;

    public async ValueTask InitializeAsync()
    {
        _before = DeterministicRandom.Create().Bytes(LengthBytes);
        await _source.WriteAsync(0, _before);
        _b0.Set(3, 5);
        _b0.Set(100, 28);
        _listener = new NbdListener(NbdAddress.Unix(_directory["nbd.sock"]));
        _server = new NbdServer([_listener], _exports);
        _server.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _exports.ClearAsync("the test has ended");
        await _server.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Nbdcopy_gets_the_point_in_time_while_the_guest_overwrites_everything()
    {
        string nbdcopy = Programs.Require("nbdcopy");
        Offer(limited: false);
        Task guest = Task.Run(async () =>
        {
            byte[] change = new byte[4096];
            for (int offset = LengthBytes - change.Length; offset >= 0; offset -= change.Length)
                await _guest.WriteAsync(offset, change);
        });
        (int exitCode, string output) = await Programs.RunAsync(nbdcopy, Address.ToString(), _directory["copy"]);
        Assert.True(exitCode == 0, output);
        await guest;
        BlockAssert.Equal(_before, await File.ReadAllBytesAsync(_directory["copy"]));
        BlockAssert.Equal(new byte[LengthBytes], await _source.ReadAllAsync());
    }

    [Fact]
    public async Task An_incremental_reader_reads_what_the_bitmap_says_and_gives_it_back()
    {
        Offer(limited: true);
        string bitmap = NbdContextNames.DirtyBitmap("b0");
        await using NbdClientNode reader = await NbdClient.ConnectAsync(Address, "fleece", new NbdClientOptions { Contexts = [bitmap] });
        await _guest.WriteZeroesAsync(new BlockRange(0, LengthBytes));
        List<BlockRange> dirty = [];
        await foreach ((BlockRange range, uint flags) in reader.ReadContextAsync(bitmap, new BlockRange(0, LengthBytes)))
        {
            if (flags == 1)
                dirty.Add(range);
        }

        Assert.Equal([new BlockRange(3 * Cluster, 5 * Cluster), new BlockRange(100 * Cluster, 28 * Cluster)], dirty);
        foreach (BlockRange range in dirty)
        {
            byte[] found = Poison.Buffer((int)range.LengthBytes);
            await reader.ReadAsync(range.OffsetBytes, found);
            BlockAssert.Equal(_before.AsSpan((int)range.OffsetBytes, (int)range.LengthBytes).ToArray(), found);
        }

        await DeniedAsync(reader, 0);
        await reader.DiscardAsync(dirty[0]);
        await DeniedAsync(reader, dirty[0].OffsetBytes);
        await BlockAssert.FilledAsync(_target, dirty[0], 0);
    }

    [Fact]
    public async Task Nbdinfo_maps_the_bitmap_though_nothing_else_may_be_read()
    {
        string nbdinfo = Programs.Require("nbdinfo");
        Offer(limited: true);
        (int exitCode, string output) = await Programs.RunAsync(nbdinfo, "--map=qemu:dirty-bitmap:b0", "--json", Address.ToString());
        Assert.True(exitCode == 0, output);
        using JsonDocument map = JsonDocument.Parse(output);
        Assert.Equal(
            [(0, 3, 0), (3, 5, 1), (8, 92, 0), (100, 28, 1)],
            map.RootElement.EnumerateArray().Select(e => (
                e.GetProperty("offset").GetInt32() / Cluster, e.GetProperty("length").GetInt32() / Cluster, e.GetProperty("type").GetInt32())));
    }

    private static async Task DeniedAsync(NbdClientNode reader, long offsetBytes)
    {
        BlockException error = await BlockAssert.FailsAsync(BlockErrorKind.Io, reader.ReadAsync(offsetBytes, new byte[512]));
        Assert.Equal(Errno.EPERM, error.Errno);
        Assert.Contains("nothing is kept of it", error.Message, StringComparison.Ordinal);
    }

    private void Offer(bool limited)
    {
        var wanted = new BlockBitmap(Clusters);
        if (limited)
            wanted.Or(_b0);
        else
            wanted.Set(0, Clusters);
        var pointInTime = new PointInTime(_source, _target, wanted, new PointInTimeOptions(Cluster), new CopyBuffers(Cluster), TimeProvider.System);
        _guest.Add(pointInTime);
        _exports.Add(new NbdExport("fleece", new SnapshotNode("fleece", LengthBytes, pointInTime))
        {
            ReadOnly = true,
            TakesTrim = true,
            Contexts = [new DirtyBitmapContext("b0", _b0, Cluster)],
        });
    }
}
