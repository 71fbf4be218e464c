using Replication.Block;
using Replication.Block.Locks;
using Replication.Block.Snapshots;
using Replication.Jobs.Bitmaps;
using Replication.Testing;

namespace Replication.Jobs.Tests.Bitmaps;

/// <summary>Dirty bitmaps of two disks, in a state directory that a kill or a loss of power may meet at any time.</summary>
public sealed class BitmapStoreTests : IAsyncLifetime
{
    private const int Granule = 64 << 10;
    private const long LengthBytes = 100 * Granule + 512;

    private static readonly Guid s_boot = Guid.NewGuid();

    private readonly Dictionary<string, BeforeWriteNode> _disks = [];
    private LossyFileStore _files = new();
    private BitmapStore _store = null!;

    public async ValueTask InitializeAsync() => await OpenAsync();

    public ValueTask DisposeAsync() => default;

    [Fact]
    public async Task A_bitmap_marks_what_is_about_to_change_from_its_beginning_on()
    {
        await WriteAsync("disk0", 0, 512);
        await AddAsync("disk0", "b0");
        await AddAsync("disk1", "b0");
        await WriteAsync("disk0", Granule - 1, 2);
        await WriteAsync("disk0", LengthBytes - 1, 1);
        Assert.Equal(new BitmapInfo("b0", 3 * Granule, Granule, true, false, true, false), Info("disk0", "b0"));
        Assert.Equal(0, Info("disk1", "b0").CountBytes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_that_is_persistent_survives_a_kill_and_another_does_not(bool isPersistent)
    {
        await AddAsync("disk0", "b0", isPersistent: isPersistent, granularity: 4096);
        await WriteAsync("disk0", 8192, 4097);
        await OpenAsync();
        if (!isPersistent)
            Assert.Empty(_store.Query("disk0"));
        else
        {
            Assert.Equal(new BitmapInfo("b0", 8192, 4096, true, false, true, false), Info("disk0", "b0"));
            await WriteAsync("disk0", 0, 1);
            Assert.Equal(12288, Info("disk0", "b0").CountBytes);
        }
    }

    [Fact]
    public async Task One_that_is_disabled_marks_nothing_until_it_is_enabled()
    {
        await AddAsync("disk0", "b0", isDisabled: true);
        await WriteAsync("disk0", 0, 512);
        Assert.Equal((0, false), (Info("disk0", "b0").CountBytes, Info("disk0", "b0").IsRecording));
        await ChangeAsync(async change => await change.EnableAsync("disk0", "b0", true));
        await WriteAsync("disk0", Granule, 512);
        await ChangeAsync(async change => await change.EnableAsync("disk0", "b0", false));
        await WriteAsync("disk0", 2 * Granule, 512);
        await OpenAsync();
        Assert.Equal((Granule, false), (Info("disk0", "b0").CountBytes, Info("disk0", "b0").IsRecording));
    }

    [Fact]
    public async Task A_cleared_one_is_empty_and_marks_on()
    {
        await AddAsync("disk0", "b0");
        await WriteAsync("disk0", 0, 512);
        await ChangeAsync(change => change.ClearAsync("disk0", "b0").AsTask());
        Assert.Equal(0, Info("disk0", "b0").CountBytes);
        await WriteAsync("disk0", Granule, 512);
        await OpenAsync();
        Assert.Equal(Granule, Info("disk0", "b0").CountBytes);
    }

    [Fact]
    public async Task Removing_one_removes_its_file()
    {
        await AddAsync("disk0", "b0");
        int with = _files.List().Count;
        await ChangeAsync(change => change.Remove("disk0", "b0"));
        Assert.Empty(_store.Query("disk0"));
        Assert.Equal(with - 1, _files.List().Count);
        await WriteAsync("disk0", 0, 512);
        await AddAsync("disk0", "b0");
        Assert.Equal(0, Info("disk0", "b0").CountBytes);
    }

    [Theory]
    [InlineData(4096, 64 << 10, 64 << 10)]
    [InlineData(64 << 10, 4096, 64 << 10)]
    [InlineData(128 << 10, 4096, 128 << 10)]
    public async Task A_merge_is_the_union_also_where_granules_differ(int source, int target, long expectedBytes)
    {
        await AddAsync("disk0", "source", granularity: source, isPersistent: false);
        await WriteAsync("disk0", 5 * (128 << 10), 512);
        await ChangeAsync(async change => await change.EnableAsync("disk0", "source", false));
        await AddAsync("disk0", "target", granularity: target);
        await ChangeAsync(change => change.MergeAsync("disk0", "target", [("disk0", "source")]).AsTask());
        Assert.Equal(expectedBytes, Info("disk0", "target").CountBytes);
        await WriteAsync("disk0", 0, 512);
        Assert.Equal(expectedBytes + target, Info("disk0", "target").CountBytes);
        Assert.Equal(source, Info("disk0", "source").CountBytes);
    }

    [Fact]
    public async Task A_merge_takes_bitmaps_of_other_disks_of_the_same_length()
    {
        await AddAsync("disk0", "b0");
        await AddAsync("disk1", "b1");
        await AddAsync("short", "b2");
        await WriteAsync("disk1", 7 * Granule, 512);
        await ChangeAsync(change => change.MergeAsync("disk0", "b0", [("disk1", "b1")]).AsTask());
        Assert.Equal(Granule, Info("disk0", "b0").CountBytes);
        Assert.Contains("65536 and 6554112 bytes", await RefusalAsync(change => change.MergeAsync("disk0", "b0", [("short", "b2")])), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_is_refused_and_changes_nothing()
    {
        await AddAsync("disk0", "b0");
        Assert.Contains("'b0' already", await RefusalAsync(change => change.AddAsync("disk0", "b0", null, true, false)), StringComparison.Ordinal);
        Assert.Contains("power of two", await RefusalAsync(change => change.AddAsync("disk0", "b1", 64000, true, false)), StringComparison.Ordinal);
        Assert.Contains("power of two", await RefusalAsync(change => change.AddAsync("disk0", "b1", 256, true, false)), StringComparison.Ordinal);
        Assert.Contains("1 to 1023", await RefusalAsync(change => change.AddAsync("disk0", "", null, true, false)), StringComparison.Ordinal);
        Assert.Contains("1 to 1023", await RefusalAsync(change => change.AddAsync("disk0", new string('ä', 512), null, true, false)), StringComparison.Ordinal);
        Assert.Contains("no bitmap 'x'", await RefusalAsync(change => change.ClearAsync("disk0", "x")), StringComparison.Ordinal);
        Assert.Contains("no bitmap 'x'", await RefusalAsync(change => change.MergeAsync("disk0", "b0", [("disk0", "x")])), StringComparison.Ordinal);
        Assert.Contains("there is no disk 'x'", await RefusalAsync(change => change.AddAsync("x", "b0", null, true, false)), StringComparison.Ordinal);
        Assert.Single(_store.Query("disk0"));
    }

    [Fact]
    public async Task A_change_that_is_rolled_back_has_never_been()
    {
        await AddAsync("disk0", "cleared");
        await AddAsync("disk0", "removed");
        await AddAsync("disk0", "merged");
        await AddAsync("disk0", "frozen");
        await WriteAsync("disk0", 0, 512);
        IReadOnlyList<BitmapInfo> before = _store.Query("disk0");
        IReadOnlyList<string> files = _files.List();
        BitmapChange change = _store.Begin();
        await change.ClearAsync("disk0", "cleared");
        await change.MergeAsync("disk0", "merged", [("disk0", "removed")]);
        change.Remove("disk0", "removed");
        await change.EnableAsync("disk0", "merged", false);
        await change.FreezeAsync("disk0", "frozen");
        await change.AddAsync("disk0", "added", null, true, false);
        await change.AddAsync("disk0", "removed", null, true, false);
        change.RollBack();
        Assert.Equal(before, _store.Query("disk0"));
        Assert.Equal(files, _files.List());
        await OpenAsync();
        Assert.Equal(before, _store.Query("disk0"));
    }

    [Fact]
    public async Task A_kill_before_a_change_is_recorded_leaves_everything_as_it_was()
    {
        await AddAsync("disk0", "b0");
        await WriteAsync("disk0", 0, 512);
        BitmapChange change = _store.Begin();
        await change.ClearAsync("disk0", "b0");
        await change.AddAsync("disk0", "b1", null, true, false);
        await OpenAsync();
        Assert.Equal(Granule, Assert.Single(_store.Query("disk0")).CountBytes);
        Assert.Single(_files.List());
    }

    [Fact]
    public async Task A_frozen_one_keeps_its_marks_for_the_job_and_the_writes_meanwhile_for_the_next()
    {
        FrozenBitmap frozen = await FrozenAsync();
        Assert.Equal((Granule, true, true), (Info("disk0", "b0").CountBytes, Info("disk0", "b0").IsBusy, Info("disk0", "b0").IsRecording));
        Assert.Contains("is busy", await RefusalAsync(change => change.ClearAsync("disk0", "b0")), StringComparison.Ordinal);
        Assert.Contains("is busy", Assert.Throws<JobException>(() => _store.Begin().Remove("disk0", "b0")).Message, StringComparison.Ordinal);
        await frozen.PrepareAsync(null, Granule);
        _store.Decide([frozen]);
        frozen.Commit();
        Assert.Equal((Granule, false), (Info("disk0", "b0").CountBytes, Info("disk0", "b0").IsBusy));
        await WriteAsync("disk0", 0, 512);
        await OpenAsync();
        Assert.Equal(2 * Granule, Info("disk0", "b0").CountBytes);
        Assert.Single(_files.List());
    }

    [Fact]
    public async Task One_that_is_given_back_has_all_marks()
    {
        FrozenBitmap frozen = await FrozenAsync();
        await frozen.GiveBackAsync(frozen.Frozen, frozen.GranularityBytes);
        Assert.Equal((2 * Granule, false), (Info("disk0", "b0").CountBytes, Info("disk0", "b0").IsBusy));
        await OpenAsync();
        Assert.Equal(2 * Granule, Info("disk0", "b0").CountBytes);
        Assert.Single(_files.List());
    }

    [Fact]
    public async Task A_kill_while_a_job_uses_one_leaves_all_marks()
    {
        await FrozenAsync();
        await OpenAsync();
        Assert.Equal((2 * Granule, false), (Info("disk0", "b0").CountBytes, Info("disk0", "b0").IsBusy));
        Assert.Single(_files.List());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_kill_around_the_decision_finds_all_of_a_group_or_none(bool isDecided)
    {
        FrozenBitmap[] group = [await FrozenAsync("disk0"), await FrozenAsync("disk1")];
        foreach (FrozenBitmap frozen in group)
            await frozen.PrepareAsync(null, Granule);
        if (isDecided)
            _store.Decide(group);
        await OpenAsync();
        Assert.All(["disk0", "disk1"], disk => Assert.Equal(isDecided ? Granule : 2 * Granule, Info(disk, "b0").CountBytes));
    }

    [Fact]
    public async Task A_decision_stands_whatever_is_recorded_before_all_of_its_group_have_given_way()
    {
        FrozenBitmap[] group = [await FrozenAsync("disk0"), await FrozenAsync("disk1")];
        foreach (FrozenBitmap frozen in group)
            await frozen.PrepareAsync(null, Granule);
        _store.Decide(group);
        group[0].Commit();
        await AddAsync("disk0", "b1");
        await OpenAsync();
        Assert.All(["disk0", "disk1"], disk => Assert.Equal(Granule, Info(disk, "b0").CountBytes));
    }

    [Fact]
    public async Task What_a_job_records_while_a_change_is_prepared_is_nothing_of_the_change()
    {
        FrozenBitmap frozen = await FrozenAsync();
        await AddAsync("disk1", "b0");
        await WriteAsync("disk1", 0, 512);
        BitmapChange change = _store.Begin();
        await change.ClearAsync("disk1", "b0");
        await frozen.PrepareAsync(null, Granule);
        _store.Decide([frozen]);
        frozen.Commit();
        await OpenAsync();
        Assert.Equal((Granule, Granule), (Info("disk0", "b0").CountBytes, Info("disk1", "b0").CountBytes));
    }

    [Fact]
    public async Task One_that_could_not_be_given_back_can_be_removed()
    {
        FrozenBitmap frozen = await FrozenAsync();
        _files.Replacing = _ => throw new IOException("the disk is gone");
        await frozen.GiveBackAsync(frozen.Frozen, frozen.GranularityBytes);
        _files.Replacing = _ => { };
        Assert.Equal((true, false), (Info("disk0", "b0").IsInconsistent, Info("disk0", "b0").IsBusy));
        await ChangeAsync(change => change.Remove("disk0", "b0"));
        Assert.Empty(_files.List());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Another_boot_makes_them_inconsistent_unless_they_survive_a_loss_of_power(bool durable)
    {
        _files = new LossyFileStore();
        await OpenAsync(durable);
        Random random = DeterministicRandom.Create();
        await AddAsync("disk0", "b0");
        await WriteAsync("disk0", 0, 512);
        _files = _files.Crash(random);
        await OpenAsync(durable, Guid.NewGuid());
        BitmapInfo found = Info("disk0", "b0");
        Assert.Equal((!durable, durable), (found.IsInconsistent, found.IsRecording));
        if (durable)
        {
            Assert.Equal(Granule, found.CountBytes);
            return;
        }

        Assert.Contains("begin again with a full backup", await RefusalAsync(change => change.ClearAsync("disk0", "b0")), StringComparison.Ordinal);
        await WriteAsync("disk0", 0, 512);
        await ChangeAsync(change => change.Remove("disk0", "b0"));
        await AddAsync("disk0", "b0");
        Assert.False(Info("disk0", "b0").IsInconsistent);
        Assert.Single(_files.List());
    }

    [Fact]
    public async Task One_whose_file_is_gone_is_inconsistent_and_stays_so()
    {
        await AddAsync("disk0", "b0");
        _files.Delete(_files.List()[0]);
        await OpenAsync();
        Assert.True(Info("disk0", "b0").IsInconsistent);
        await OpenAsync();
        Assert.True(Info("disk0", "b0").IsInconsistent);
    }

    private async ValueTask<FrozenBitmap> FrozenAsync(string disk = "disk0")
    {
        await AddAsync(disk, "b0");
        await WriteAsync(disk, 0, 512);
        BitmapChange change = _store.Begin();
        FrozenBitmap frozen = await change.FreezeAsync(disk, "b0");
        change.Commit();
        await WriteAsync(disk, 3 * Granule, 512);
        return frozen;
    }

    // As a kill leaves it: nothing is closed.
    [Fact]
    public async Task Marks_that_were_kept_for_a_kill_alone_are_not_trusted_after_a_loss_of_power_however_they_are_kept_from_then_on()
    {
        await AddAsync("disk0", "b0");
        await OpenAsync(durable: true, boot: Guid.NewGuid(), mayLackUnflushed: true);
        Assert.True(Info("disk0", "b0").IsInconsistent);
    }

    private async Task OpenAsync(bool durable = false, Guid? boot = null, bool mayLackUnflushed = false)
    {
        foreach ((string name, long lengthBytes) in new[] { ("disk0", LengthBytes), ("disk1", LengthBytes), ("short", (long)Granule) })
            _disks[name] = new BeforeWriteNode(name, new MemoryNode(lengthBytes), new GroupGate(TimeProvider.System));
        _store = await BitmapStore.OpenAsync(_files, _disks, boot ?? s_boot, durable, mayLackUnflushed);
    }

    private Task AddAsync(string disk, string name, long? granularity = null, bool isPersistent = true, bool isDisabled = false) =>
        ChangeAsync(change => change.AddAsync(disk, name, granularity, isPersistent, isDisabled).AsTask());

    private Task ChangeAsync(Action<BitmapChange> verb) => ChangeAsync(change =>
    {
        verb(change);
        return Task.CompletedTask;
    });

    private async Task ChangeAsync(Func<BitmapChange, Task> verb)
    {
        BitmapChange change = _store.Begin();
        await verb(change);
        change.Commit();
    }

    private async Task<string> RefusalAsync(Func<BitmapChange, ValueTask> verb)
    {
        IReadOnlyList<string> files = _files.List();
        BitmapChange change = _store.Begin();
        JobException refused = await Assert.ThrowsAsync<JobException>(async () => await verb(change));
        change.RollBack();
        Assert.Equal(files, _files.List());
        return refused.Message;
    }

    private ValueTask WriteAsync(string disk, long offsetBytes, long lengthBytes) =>
        _disks[disk].WriteZeroesAsync(new BlockRange(offsetBytes, lengthBytes));

    private BitmapInfo Info(string disk, string name) => _store.Query(disk).Single(bitmap => bitmap.Name == name);
}
