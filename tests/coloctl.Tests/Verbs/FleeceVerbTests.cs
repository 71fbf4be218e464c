using System.Text.Json;
using Colo.Protocol.V1;
using Google.Protobuf;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs;

public sealed class FleeceVerbTests : IAsyncLifetime
{
    private static readonly Fleece s_fleece = new()
    {
        Name = "disk0.fleece-1",
        Device = "disk0",
        LengthBytes = 1 << 20,
        Bitmap = "daily",
        OpenedAtUnixMs = 1_700_000_000_123,
        Epoch = 7,
        LeaseLeftMs = 3_599_500,
        HeldBytes = 65536,
        QuotaBytes = 1 << 30,
        Readers = 2,
        Addresses = { "nbd://127.0.0.1:10809/disk0.fleece-1" },
    };

    private FakePairNodes _pair = null!;

    public static TheoryData<string[], IMessage> Verbs => new()
    {
        { ["open", "disk0"], new OpenFleecesRequest { Fleeces = { new FleeceSpec { Device = "disk0" } } } },
        {
            ["open", "disk0", "disk1", "--bitmap", "daily", "--lease", "none", "--cbw-timeout", "500ms"],
            new OpenFleecesRequest
            {
                Fleeces =
                {
                    new FleeceSpec { Device = "disk0", Bitmap = "daily", LeaseMs = 0, CbwTimeoutMs = 500 },
                    new FleeceSpec { Device = "disk1", Bitmap = "daily", LeaseMs = 0, CbwTimeoutMs = 500 },
                },
            }
        },
        {
            [
                "open", "disk0", "--name", "f", "--target", "/old.qcow2", "--format", "qcow2", "--mode", "existing", "--quota", "1GiB", "--lease", "2m",
                "--on-cbw-error", "break-guest-write", "--says-writable",
            ],
            new OpenFleecesRequest
            {
                Fleeces =
                {
                    new FleeceSpec
                    {
                        Device = "disk0",
                        Name = "f",
                        Target = "/old.qcow2",
                        Format = "qcow2",
                        Mode = TargetMode.Existing,
                        QuotaBytes = 1 << 30,
                        LeaseMs = 120_000,
                        OnCbwError = OnCbwError.BreakGuestWrite,
                        SaysWritable = true,
                    },
                },
            }
        },
        { ["renew", "f"], new RenewFleeceRequest { Name = "f" } },
        { ["renew", "f", "--lease", "10s"], new RenewFleeceRequest { Name = "f", LeaseMs = 10_000 } },
        { ["close", "f"], new CloseFleeceRequest { Name = "f" } },
        { ["close", "f", "--done"], new CloseFleeceRequest { Name = "f", Done = true } },
    };

    public async ValueTask InitializeAsync()
    {
        _pair = await FakePairNodes.StartAsync();
        _pair.PrimaryNode.Fleeces.Fleeces.Add(s_fleece);
        _pair.SecondaryNode.Fleeces.Fleeces.Add(new Fleece { Name = "lost", Device = "disk1", Errno = 28, Error = "the quota is used up" });
    }

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Theory]
    [MemberData(nameof(Verbs), DisableDiscoveryEnumeration = true)]
    public async Task Each_verb_asks_the_primary(string[] verb, IMessage asked)
    {
        Run run = await _pair.RunAsync(["fleece", .. verb, "--json"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(asked, Assert.Single(_pair.PrimaryNode.Fleeces.Seen));
        Assert.Empty(_pair.SecondaryNode.Fleeces.Seen);
    }

    [Fact]
    public async Task Or_the_node_that_is_named()
    {
        Run run = await _pair.RunAsync("fleece", "close", "f", "--node", "secondary");
        Assert.Equal((0, "Closed f"), (run.ExitCode, run.Out.Trim()));
        Assert.Equal(new CloseFleeceRequest { Name = "f" }, Assert.Single(_pair.SecondaryNode.Fleeces.Seen));
    }

    [Fact]
    public async Task The_document_says_everything()
    {
        JsonElement fleece = Assert.Single((await _pair.RunAsync("fleece", "open", "disk0", "--json")).Json.GetProperty("fleeces").EnumerateArray());
        Assert.Equal(
            """{"node":"primary","name":"disk0.fleece-1","device":"disk0","lengthBytes":1048576,"bitmap":"daily","target":null,"openedAt":"2023-11-14T22:13:20.123Z","epoch":7,"leaseLeftMs":3599500,"heldBytes":65536,"quotaBytes":1073741824,"readers":2,"error":null,"addresses":["nbd://127.0.0.1:10809/disk0.fleece-1"]}""",
            fleece.GetRawText());
    }

    [Fact]
    public async Task Those_of_both_nodes_are_listed_with_what_is_lost()
    {
        Run list = await _pair.RunAsync("fleece", "list");
        string[] texts = ["disk0.fleece-1", "64 KiB of 1 GiB", "01:00:00", "nbd://127.0.0.1:10809/disk0.fleece-1", "lost", "the quota is used up"];
        foreach (string text in texts)
            Assert.Contains(text, list.Out, StringComparison.Ordinal);
        _pair.PrimaryNode.Fleeces.Fleeces.Clear();
        Assert.Equal("No fleeces", (await _pair.RunAsync("fleece", "list", "--node", "primary")).Out.Trim());
    }

    [Theory]
    [InlineData("--lease: '5x' is neither", "open", "disk0", "--lease", "5x")]
    [InlineData("--name is one fleece's", "open", "disk0", "disk1", "--name", "f")]
    [InlineData("relative path", "open", "disk0", "--target", "old.raw")]
    [InlineData("--mode: 'new' is not one of", "open", "disk0", "--mode", "new")]
    public async Task Wrong_usage_is_told_without_asking_a_node(string why, params string[] verb)
    {
        Run run = await _pair.RunAsync(["fleece", .. verb]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(why, run.Error, StringComparison.Ordinal);
        Assert.Empty(_pair.PrimaryNode.Fleeces.Seen);
    }
}
