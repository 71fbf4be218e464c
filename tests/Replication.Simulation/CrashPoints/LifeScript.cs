using Replication.Block.State;
using Replication.Roles;

namespace Replication.Simulation.CrashPoints;

/// <summary>What a pair lives through while its crash points are looked at.</summary>
internal sealed record LifeScript(string Name, int Seed, Action<Life> Play)
{
    public static IReadOnlyList<LifeScript> All { get; } =
    [
        new("first-sync", 21, life =>
        {
            life.Start(SyncMode.Auto);
            life.WritePrimary(6);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(6);
            life.FlushBoth();
            life.WriteBoth(3);
        }),
        new("first-sync-full", 22, life =>
        {
            life.Start(SyncMode.Full);
            life.WritePrimary(6);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(3);
        }),
        new("checkpoint", 23, life =>
        {
            life.Start(SyncMode.Auto);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(8);
            life.FlushBoth();
            life.Checkpoint();
            life.WriteBoth(8);
            life.Settle();
            life.FlushBoth();
            life.WriteBoth(4);
            life.Checkpoint();
            life.WriteBoth(4);
        }),
        new("stop", 24, life =>
        {
            life.Start(SyncMode.Auto);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(6);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.Stop();
            life.MustBe(NodeStage.Stopped, NodeStage.Stopped);
            life.WritePrimary(6);
            life.Start(SyncMode.Auto);
            life.WritePrimary(4);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(4);
        }),
        new("detach", 25, life =>
        {
            life.Start(SyncMode.Auto);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(6);
            life.Checkpoint();
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(4);
            life.BreakConnections();
            life.WriteBoth(8);
            life.FlushBoth();
            // By then it has come back by itself.
            life.Pass(3000);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(4);
            life.Checkpoint();
            life.WriteBoth(3);
        }),
        new("failover", 26, life =>
        {
            life.Start(SyncMode.Auto);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(8);
            life.FlushBoth();
            life.Checkpoint();
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(10);
            life.Failover();
            life.WriteBoth(8);
            life.FlushBoth();
            life.WriteSecondary(6);
            life.MustBe(NodeStage.Fenced, NodeStage.Done);
            life.WriteSecondary(4);
        }),
        new("verify", 27, life =>
        {
            life.Start(SyncMode.Auto);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(3);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.Rot();
            life.Repair();
            life.WriteBoth(4);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.Checkpoint();
            life.WriteBoth(3);
        }),
        new("zeroing", 28, life =>
        {
            life.Start(SyncMode.Auto);
            life.MustBe(NodeStage.Replicating, NodeStage.Running);
            life.WriteBoth(2);
            life.ZeroMuch();
            life.WriteBoth(4);
            life.Settle();
            life.Checkpoint();
            life.WriteBoth(2);
        }) { DiskBytes = [(9 << 20) + 512, 6656], BlockBytes = 1 << 20, IsLarge = true },
    ];

    /// <summary>Two disks of odd length: small, since every byte is looked at after every crash.</summary>
    public long[] DiskBytes { get; init; } = [8704, 5632];

    public int BlockBytes { get; init; } = 1024;

    /// <summary>Too large for a look at each point of it.</summary>
    public bool IsLarge { get; init; }

    public static LifeScript Find(string name) => All.Single(life => life.Name == name);
}
