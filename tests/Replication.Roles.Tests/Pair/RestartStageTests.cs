using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>Every stage that a primary's record can hold, against every peer that it can find after a kill; and what a secondary comes back as.</summary>
public sealed class RestartStageTests
{
    /// <summary>What the restarted primary finds where its peer was.</summary>
    public enum Peer
    {
        Same,
        Newer,
        Rival,
        Blank,
        Away,
    }

    public static TheoryData<NodeStage, Peer, NodeStage> Primaries => new()
    {
        { NodeStage.Standalone, Peer.Same, NodeStage.Standalone },
        { NodeStage.Standalone, Peer.Away, NodeStage.Standalone },
        { NodeStage.Replicating, Peer.Same, NodeStage.Detached },
        { NodeStage.Replicating, Peer.Newer, NodeStage.Fenced },
        { NodeStage.Replicating, Peer.Rival, NodeStage.Waiting },
        { NodeStage.Replicating, Peer.Blank, NodeStage.Waiting },
        { NodeStage.Replicating, Peer.Away, NodeStage.Waiting },
        { NodeStage.Detached, Peer.Same, NodeStage.Detached },
        { NodeStage.Detached, Peer.Newer, NodeStage.Fenced },
        { NodeStage.Detached, Peer.Rival, NodeStage.Waiting },
        { NodeStage.Detached, Peer.Blank, NodeStage.Waiting },
        { NodeStage.Detached, Peer.Away, NodeStage.Waiting },
        { NodeStage.Stopped, Peer.Same, NodeStage.Stopped },
        { NodeStage.Stopped, Peer.Newer, NodeStage.Fenced },
        { NodeStage.Stopped, Peer.Rival, NodeStage.Waiting },
        { NodeStage.Stopped, Peer.Blank, NodeStage.Waiting },
        { NodeStage.Stopped, Peer.Away, NodeStage.Waiting },
        { NodeStage.Fenced, Peer.Same, NodeStage.Fenced },
        { NodeStage.Fenced, Peer.Newer, NodeStage.Fenced },
        { NodeStage.Fenced, Peer.Away, NodeStage.Fenced },
    };

    [Theory]
    [MemberData(nameof(Primaries))]
    public async Task A_killed_primary_acknowledges_nothing_before_it_knows(NodeStage recorded, Peer peer, NodeStage expected)
    {
        await using TestPair pair = await TestPair.OpenAsync();
        await BringToAsync(pair, recorded);
        await pair.KillPrimaryAsync(() => pair.ToSecondary.IsCut = true);
        Task write = pair.Guest().WriteAsync(0, new byte[512]).AsTask();
        if (recorded == NodeStage.Standalone)
            await write;
        else if (recorded == NodeStage.Fenced)
            await Assert.ThrowsAnyAsync<IOException>(() => write);
        else
            Assert.Equal((NodeStage.Waiting, false), (pair.Primary.GetStatus().Stage, write.IsCompleted));

        pair.ToSecondary.Position = PositionOf(peer, pair);
        pair.ToSecondary.IsCut = peer == Peer.Away;
        int asked = pair.ToSecondary.Asked;
        if (expected == NodeStage.Waiting)
            await Eventually.TrueAsync(() => pair.ToSecondary.Asked >= asked + 2);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == expected);
        if (expected == NodeStage.Waiting)
            Assert.False(write.IsCompleted);
        else if (expected == NodeStage.Fenced)
            await Assert.ThrowsAnyAsync<IOException>(() => write.WaitAsync(TestTimeouts.Patience));
        else
            await write.WaitAsync(TestTimeouts.Patience);
    }

    [Theory]
    [InlineData(NodeStage.None)]
    [InlineData(NodeStage.Running)]
    [InlineData(NodeStage.Stopped)]
    [InlineData(NodeStage.Done)]
    public async Task A_restarted_secondary_comes_back_at_its_stage_and_epoch_without_its_primary(NodeStage stage)
    {
        await using TestPair pair = await TestPair.OpenAsync();
        if (stage != NodeStage.None)
            await pair.StartAsync();
        if (stage == NodeStage.Stopped)
            await pair.Primary.StopAsync(default);
        if (stage == NodeStage.Done)
        {
            await pair.Secondary!.FailoverAsync(force: false, default);
            await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        }

        (ulong epoch, Generation generation) = (pair.Secondary!.GetStatus().Epoch, pair.Secondary.GetStatus().Generation);
        pair.ToPrimary.IsCut = true;
        await pair.RestartSecondaryAsync();
        NodeStatus found = pair.Secondary.GetStatus();
        Assert.Equal((stage, epoch, generation, stage == NodeStage.Running), (found.Stage, found.Epoch, found.Generation, found.Incomplete));
        if (stage == NodeStage.None)
            await BlockAssert.FailsAsync(pair.View().ReadAsync(0, new byte[512]));
        else
            await BlockAssert.FilledAsync(pair.View(), new Block.BlockRange(0, 4096), 0x11);
        if (stage == NodeStage.Stopped)
            await BlockAssert.FailsAsync(pair.View().WriteAsync(0, new byte[512]));
        else if (stage != NodeStage.None)
            await pair.View().WriteAsync(0, new byte[512]);
    }

    private static async Task BringToAsync(TestPair pair, NodeStage recorded)
    {
        if (recorded != NodeStage.Standalone)
            await pair.StartAsync();
        if (recorded == NodeStage.Detached)
        {
            pair.Transport.Cut("the link is cut");
            await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        }
        else if (recorded == NodeStage.Stopped)
        {
            await pair.Primary.StopAsync(default);
        }
        else if (recorded == NodeStage.Fenced)
        {
            await pair.Primary.ReleaseAsync(pair.Primary.GetStatus().Generation.Next(Guid.NewGuid(), 1), default);
        }

        Assert.Equal(recorded, pair.Primary.GetStatus().Stage);
    }

    private static PeerPosition PositionOf(Peer peer, TestPair pair)
    {
        Generation ours = pair.Primary.GetStatus().Generation;
        return peer switch
        {
            Peer.Newer => new PeerPosition(NodeRole.Secondary, NodeStage.Done, [ours, ours.Next(Guid.NewGuid(), 1)], 1),
            Peer.Rival => new PeerPosition(NodeRole.Secondary, NodeStage.Running, [Generation.First(Guid.NewGuid())], 1),
            Peer.Blank => new PeerPosition(NodeRole.Secondary, NodeStage.None, [], 0),
            _ => new PeerPosition(NodeRole.Secondary, NodeStage.Running, [ours], 1),
        };
    }
}
