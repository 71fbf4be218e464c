using Colo.Protocol.V1;
using Google.Protobuf;

namespace Replication.Controller.Tests.Fakes;

/// <summary>A primary and a secondary that are scripted, and coloctl pointed at them.</summary>
internal sealed class FakePairNodes : IAsyncDisposable
{
    public static readonly ByteString Id = ByteString.CopyFrom(
        [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
    public const string IdHex = "00112233445566778899aabbccddeeff";

    private FakePairNodes(FakeNode primary, FakeNode secondary)
    {
        PrimaryNode = primary;
        SecondaryNode = secondary;
    }

    public FakeNode PrimaryNode { get; }
    public FakeNode SecondaryNode { get; }
    public FakeReplicationService Primary => PrimaryNode.Service;
    public FakeReplicationService Secondary => SecondaryNode.Service;

    public static async Task<FakePairNodes> StartAsync() => new(await FakeNode.StartAsync(), await FakeNode.StartAsync());

    public Task<Run> RunAsync(params string[] args) =>
        Run.OfAsync(["--primary", PrimaryNode.Address, "--secondary", SecondaryNode.Address, .. args]);

    public async ValueTask DisposeAsync()
    {
        await PrimaryNode.DisposeAsync();
        await SecondaryNode.DisposeAsync();
    }

    public static Generation GenerationOf(ulong number) => new() { Number = number, Id = Id, ParentId = ByteString.CopyFrom(new byte[16]) };

    public static NodeStatus StatusOf(NodeRole role, NodeStage stage) => new()
    {
        Group = "vm1",
        Role = role,
        Stage = stage,
        Generation = GenerationOf(3),
        Epoch = 7,
        Mirror = new MirrorStatus { State = MirrorState.Connected, Transport = "nbd" },
        Disks = { new DiskStatus { Name = "disk0", LengthBytes = 1L << 40, DirtyBytes = 4096, ActiveBytes = 8192, HiddenBytes = 12288 } },
    };
}
