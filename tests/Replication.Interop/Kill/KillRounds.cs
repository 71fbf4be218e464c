using System.Globalization;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Kill;

/// <summary>What the kill tests have in common: a pair of three disks, writers on both sides, and a model of every byte.</summary>
internal sealed class KillRounds
{
    private const int DefaultPlaces = 4;

    private readonly int[] _cells; // by disk

    private KillRounds(Pair pair, int[] cells, GroupModel model, Random random) => (Pair, _cells, Model, Random) = (pair, cells, model, random);

    /// <summary>How many rounds the test of every trouble makes.</summary>
    public static int Count { get; } =
        Environment.GetEnvironmentVariable("REPLICATION_KILL_ROUNDS") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : 8;

    /// <summary>How many a test of one kind of kill makes, besides.</summary>
    public static int CountOfOneKind => Math.Max(1, Count / 3);

    public Pair Pair { get; }

    public GroupModel Model { get; }

    public Random Random { get; }

    /// <summary>Three disks of different lengths, none a multiple of the block size, full of stamped cells, the same on both sides.</summary>
    public static PairOptions Options(int cellsPerDisk, IReadOnlyList<string>? secondaryFaults = null) => new()
    {
        DiskLengthsBytes = [.. Lengths(cellsPerDisk).Select(cells => (long)cells * Cells.Bytes)],
        Unix = true,
        SecondaryFaults = secondaryFaults ?? [],
        Fill = (disk, primary, secondary) =>
        {
            byte[] content = Cells.Encode(0, disk, 0, Lengths(cellsPerDisk)[disk]);
            File.WriteAllBytes(primary, content);
            File.WriteAllBytes(secondary, content);
        },
    };

    public static KillRounds Of(Pair pair, int cellsPerDisk, Random random, int places = DefaultPlaces)
    {
        int[] cells = Lengths(cellsPerDisk);
        var stamps = new StampSource();
        List<Writer> primaries = [];
        List<Writer> secondaries = [];
        for (int place = 0; place < places; place++)
        {
            CellRange[] regions = [.. cells.Select(count =>
                new CellRange(count / places * place, place < places - 1 ? count / places : count - (count / places * (places - 1))))];
            primaries.Add(new Writer($"p{place}", stamps, regions, random.Next()));
            secondaries.Add(new Writer($"s{place}", stamps, regions, random.Next()));
        }

        return new KillRounds(pair, cells, new GroupModel([.. cells.Select(count => new int[count])], primaries, secondaries), random);
    }

    /// <summary>Starts one side's writers.</summary>
    public async Task<RunningWriters> WriteAsync(Node node) =>
        await RunningWriters.StartAsync(node, _cells.Length, node == Pair.Primary ? Model.Primaries : Model.Secondaries);

    /// <summary>The stamps of every cell that a node's guest export shows.</summary>
    public async Task<IReadOnlyList<int[]>> ReadAsync(Node node)
    {
        var image = new List<int[]>();
        for (int disk = 0; disk < _cells.Length; disk++)
        {
            await using NbdClientNode guest = await node.ConnectAsync(disk);
            image.Add(Cells.Decode(await Guest.ReadAllAsync(guest), disk));
        }

        return image;
    }

    /// <summary>A time long enough for some hundred writes, never twice the same.</summary>
    public Task SomeWritesAsync() => Task.Delay(Random.Next(20, 300));

    /// <summary>Brings both sides together again and begins a new round there.</summary>
    public async Task StartAgainAsync()
    {
        if (!await Pair.ReplicateAgainAsync())
            await Pair.CheckpointAgainAsync();
        await CheckEqualAsync();
    }

    /// <summary>
    /// A checkpoint has been taken with no guest writing: both sides show the primary's disks, as its guest left them. A new round begins there.
    /// </summary>
    public async Task CheckEqualAsync()
    {
        IReadOnlyList<int[]> primary = await ReadAsync(Pair.Primary);
        Model.CheckPrimary(primary);
        IReadOnlyList<int[]> view = await ReadAsync(Pair.Secondary);
        for (int disk = 0; disk < primary.Count; disk++)
            Assert.True(primary[disk].AsSpan().SequenceEqual(view[disk]), $"disk{disk}: the view is not the primary's disk");
        Model.Rebase(view);
    }

    private static int[] Lengths(int cellsPerDisk) => [cellsPerDisk + 1, cellsPerDisk - 3, (cellsPerDisk / 2) + 5];
}
