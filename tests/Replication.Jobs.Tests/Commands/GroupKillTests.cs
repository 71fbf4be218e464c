using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Jobs.Tests.Commands;

/// <summary>A kill, or a loss of power, at each step of the end of a group.</summary>
public sealed class GroupKillTests
{
    private static readonly string[] s_disks = ["disk0", "disk1", "disk2"];

    [Fact]
    public async Task Whatever_step_it_comes_at_all_of_the_group_is_finalised_or_none()
    {
        CommandWorld world = await CommandWorld.CreateDurableAsync(s_disks);
        Random random = DeterministicRandom.Create();
        foreach (string disk in s_disks)
        {
            await world.TransactAsync(false, new TransactionAction.BitmapAdd(disk, "b", IsPersistent: true));
            await world.Disk(disk).FillAsync(0, 512, 0x41);
        }

        List<(LossyFileStore Files, string[] Sealed)> cuts = [];
        world.OnStep = () => cuts.Add((world.Crash(random), [.. s_disks.Where(disk => world.HasTarget(disk) && world.Target(disk).IsSealed)]));
        await world.TransactAsync(
            true, [.. s_disks.Select(disk => new TransactionAction.Backup(CommandWorld.Command(disk, disk, BackupSync.Incremental, "b")))]);
        world.OnStep = () => { };
        Assert.All(s_disks, disk => Assert.Equal(0, world.Jobs.ResultOf(disk)));

        var found = new List<bool>();
        foreach ((LossyFileStore files, string[] isSealed) in cuts)
        {
            BitmapStore left = await world.ReopenAsync(files);
            string[] whole = [.. isSealed.Union(left.Seals.Select(seal => seal.MarkerPath)).Order()];
            long[] marked = [.. s_disks.Select(disk => left.Query(disk).Single().CountBytes)];
            bool isFinalised = whole.Length > 0;
            Assert.Equal(isFinalised ? s_disks : [], whole);
            Assert.All(marked, bytes => Assert.Equal(isFinalised ? 0 : 64 << 10, bytes));
            found.Add(isFinalised);
            await left.DisposeAsync();
        }

        // Each cut in order: first none of them, then all.
        Assert.Equal(found.Order(), found);
        Assert.Equal(2, found.Distinct().Count());
        world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task Full_backups_without_a_bitmap_are_a_group_too()
    {
        CommandWorld world = await CommandWorld.CreateDurableAsync(s_disks);
        Random random = DeterministicRandom.Create();
        List<(LossyFileStore Files, string[] Sealed)> cuts = [];
        world.OnStep = () => cuts.Add((world.Crash(random), [.. s_disks.Where(disk => world.HasTarget(disk) && world.Target(disk).IsSealed)]));
        await world.TransactAsync(true, [.. s_disks.Select(disk => new TransactionAction.Backup(CommandWorld.Command(disk, disk)))]);
        world.OnStep = () => { };
        Assert.Contains(cuts, cut => cut.Sealed.Length is > 0 and < 3);
        foreach ((LossyFileStore files, string[] isSealed) in cuts)
        {
            BitmapStore left = await world.ReopenAsync(files);
            int whole = isSealed.Union(left.Seals.Select(seal => seal.MarkerPath)).Count();
            Assert.True(whole == 0 || whole == s_disks.Length, $"{whole} of the targets are whole");
            await left.DisposeAsync();
        }

        world.CheckNothingIsLeft();
    }
}
