using Replication.Block.Locks;
using Replication.Block.Quorums;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>No hostage, in virtual time: one of the secondary's disks hangs, and another one of the same session answers.</summary>
public sealed class HungDiskTests : IAsyncLifetime
{
    private readonly MemoryNode _answeringDisk = new(1 << 20, "peer1");
    private MirrorFixture _hung = null!;
    private MirrorLink _answeringLink = null!;
    private Quorum _answering = null!;

    public async ValueTask InitializeAsync()
    {
        _hung = await AttachedAsync();
        _answeringLink = _hung.Session.AddLink("disk1", new TestConnection(_answeringDisk));
        _answering = new Quorum("quorum1", new MemoryNode(1 << 20, "disk1"), _hung.Admission, new GroupGate(_hung.Time), _hung);
        await _answering.AddChildAsync(_answeringLink, _answeringLink);
    }

    public async ValueTask DisposeAsync() => await _hung.DisposeAsync();

    [Fact]
    public async Task It_costs_its_guest_one_wait_and_not_one_a_write()
    {
        Task first = _hung.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        await OthersAnswerForAsync(Deadline - 50);
        Assert.False(first.IsCompleted);
        await OthersAnswerForAsync(50);
        Assert.True(first.IsCompletedSuccessfully);
        for (int block = 1; block < 10; block++)
        {
            await OthersAnswerForAsync(50);
            Assert.True(_hung.Quorum.WriteAsync(block * 65536, Data(4096, 2)).IsCompletedSuccessfully);
            Assert.True(_hung.Quorum.FlushAsync().IsCompletedSuccessfully);
        }

        Assert.Empty(_hung.Observer.Losses);

        // It answers again: the next write waits as ever.
        await _hung.ReleaseAllAsync();
        Task again = _hung.Quorum.WriteAsync(0, Data(4096, 3)).AsTask();
        Assert.False(again.IsCompleted);
        await _hung.ReleaseAllAsync();
        await again;
        await _hung.AssertSameAsync();
    }

    [Fact]
    public async Task It_ends_the_session_after_thirty_seconds()
    {
        Task first = _hung.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        await OthersAnswerForAsync(29_950);
        Assert.True(first.IsCompletedSuccessfully);
        Assert.Empty(_hung.Observer.Losses);
        await OthersAnswerForAsync(50);
        MirrorLoss loss = Assert.Single(_hung.Observer.Losses);
        Assert.Equal(("write-unanswered", "disk0"), (loss.CauseText, loss.Disk));
    }

    private async Task OthersAnswerForAsync(int milliseconds)
    {
        for (int passed = 0; passed < milliseconds; passed += 50)
        {
            await _answering.WriteAsync(4096, Data(512, 9));
            _hung.Advance(50);
        }

        await _answering.WriteAsync(4096, Data(512, 9));
    }
}
