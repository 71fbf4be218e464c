using Replication.Block;
using Replication.Block.Locks;
using Replication.Block.Quorums;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>A primary's data path for one disk in virtual time: quorum, link and session over nodes of the test's.</summary>
internal sealed class MirrorFixture : IQuorumObserver, IAsyncDisposable
{
    public const int Deadline = 500;

    public MirrorFixture(
        MirrorSessionOptions? options = null, long lengthBytes = 16 << 20, Func<BlockNode, BlockNode>? local = null, Func<BlockNode, BlockNode>? peer = null)
    {
        LocalDisk = new MemoryNode(lengthBytes, "disk0");
        PeerDisk = new MemoryNode(lengthBytes, "peer");
        Held = new DeferredNode(PeerDisk, "peer");
        Connection = new TestConnection(peer?.Invoke(PeerDisk) ?? Held);
        Gate = new GroupGate(Time);
        Session = new MirrorSession(Guid.NewGuid(), options ?? new MirrorSessionOptions(), Observer, Time, Pool);
        Link = Session.AddLink("disk0", Connection);
        Local = local?.Invoke(LocalDisk) ?? LocalDisk;
        Quorum = new Quorum("quorum0", Local, Admission, Gate, this);
    }

    public FakeTimeProvider Time { get; } = new();

    public LeakCheckingPool Pool { get; } = new();

    public RecordingObserver Observer { get; } = new();

    public GuestAdmission Admission { get; } = new();

    public GroupGate Gate { get; }

    public MemoryNode LocalDisk { get; }

    /// <summary>The local disk as the quorum sees it.</summary>
    public BlockNode Local { get; }

    public MemoryNode PeerDisk { get; }

    /// <summary>The peer as the link sees it, unless the test gave another: answers when released.</summary>
    public DeferredNode Held { get; }

    public TestConnection Connection { get; }

    public MirrorSession Session { get; }

    public MirrorLink Link { get; }

    public Quorum Quorum { get; }

    public List<BlockException> LocalFailures { get; } = [];

    public List<(BlockException Failure, bool LocalFailedToo)> ForwardFailures { get; } = [];

    public static async Task<MirrorFixture> AttachedAsync(
        MirrorSessionOptions? options = null, long lengthBytes = 16 << 20, Func<BlockNode, BlockNode>? local = null, Func<BlockNode, BlockNode>? peer = null)
    {
        var fixture = new MirrorFixture(options, lengthBytes, local, peer);
        await fixture.Quorum.AddChildAsync(fixture.Link, fixture.Link);
        return fixture;
    }

    public static byte[] Data(int lengthBytes, byte value)
    {
        byte[] data = new byte[lengthBytes];
        Array.Fill(data, value);
        return data;
    }

    public void Advance(int milliseconds) => Time.Advance(TimeSpan.FromMilliseconds(milliseconds));

    /// <summary>Releases what the peer holds until nothing comes any more.</summary>
    public async Task ReleaseAllAsync()
    {
        while (Held.Pending.Count > 0)
            await Held.ReleaseAllAsync();
    }

    public async Task AssertSameAsync() => await BlockAssert.SameAsync(LocalDisk, PeerDisk);

    void IQuorumObserver.LocalFailed(Quorum quorum, BlockException failure) => LocalFailures.Add(failure);

    void IQuorumObserver.ForwardFailed(Quorum quorum, BlockException failure, bool localFailedToo) => ForwardFailures.Add((failure, localFailedToo));

    public async ValueTask DisposeAsync()
    {
        await Session.DisposeAsync();
        Pool.AssertAllReturned();
        Xunit.Assert.Equal(0, Session.UnansweredForwards);
        Xunit.Assert.Equal(0, Session.UnansweredBytes);
    }
}
