using Colo.Protocol.V1;
using Google.Protobuf;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs.Jobs;

public sealed class BitmapVerbTests : IAsyncLifetime
{
    private static readonly BitmapName s_daily = new() { Device = "disk0", Name = "daily" };

    private FakePairNodes _pair = null!;

    public static TheoryData<string[], IMessage> Verbs => new()
    {
        { ["add"], new AddBitmapRequest { Bitmap = new BitmapSpec { Device = "disk0", Name = "daily" } } },
        {
            ["add", "--granularity", "4KiB", "--persistent", "--disabled"],
            new AddBitmapRequest
            {
                Bitmap = new BitmapSpec { Device = "disk0", Name = "daily", GranularityBytes = 4096, Persistent = true, Disabled = true },
            }
        },
        { ["remove"], new RemoveBitmapRequest { Bitmap = s_daily } },
        { ["clear"], new ClearBitmapRequest { Bitmap = s_daily } },
        { ["enable"], new EnableBitmapRequest { Bitmap = s_daily } },
        { ["disable"], new DisableBitmapRequest { Bitmap = s_daily } },
        {
            ["merge", "a", "b", "--of", "disk1"],
            new MergeBitmapsRequest
            {
                Merge = new BitmapMerge
                {
                    Target = s_daily,
                    Sources = { new BitmapName { Device = "disk1", Name = "a" }, new BitmapName { Device = "disk1", Name = "b" } },
                },
            }
        },
    };

    public async ValueTask InitializeAsync() => _pair = await FakePairNodes.StartAsync();

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Theory]
    [MemberData(nameof(Verbs), DisableDiscoveryEnumeration = true)]
    public async Task Each_verb_asks_the_node_and_shows_the_bitmap(string[] verb, IMessage asked)
    {
        _pair.PrimaryNode.Bitmaps.Bitmaps.AddRange([BitmapOf("disk0", "daily"), BitmapOf("disk0", "weekly")]);
        Run run = await _pair.RunAsync(["bitmap", verb[0], "disk0", "daily", .. verb[1..], "--json"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(asked, Assert.Single(_pair.PrimaryNode.Bitmaps.Seen));
        Assert.Equal("daily", Assert.Single(run.Json.GetProperty("bitmaps").EnumerateArray()).GetProperty("name").GetString());
    }

    [Fact]
    public async Task The_bitmaps_of_both_nodes_are_listed()
    {
        _pair.PrimaryNode.Bitmaps.Bitmaps.AddRange([BitmapOf("disk0", "daily"), BitmapOf("disk1", "daily")]);
        _pair.SecondaryNode.Bitmaps.Bitmaps.Add(BitmapOf("disk0", "weekly"));
        Run all = await _pair.RunAsync("bitmap", "list", "--json");
        Assert.Equal(
            [("primary", "disk0", 65536), ("primary", "disk1", 65536), ("secondary", "disk0", 65536)],
            all.Json.GetProperty("bitmaps").EnumerateArray().Select(bitmap =>
                (bitmap.GetProperty("node").GetString(), bitmap.GetProperty("device").GetString(), bitmap.GetProperty("countBytes").GetInt32())));
        Run some = await _pair.RunAsync("bitmap", "list", "disk1");
        Assert.Contains("recording", some.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("weekly", some.Out, StringComparison.Ordinal);
    }

    private static BitmapInfo BitmapOf(string disk, string name) =>
        new() { Device = disk, Name = name, CountBytes = 65536, GranularityBytes = 65536, Recording = true, Persistent = true };
}
