using System.Buffers.Binary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.State;

public sealed class EpochRecordFileTests
{
    private readonly MemoryNode _disk = new(EpochRecordFile.FileBytes, "record");

    [Fact]
    public async Task A_new_file_has_no_record()
    {
        await using EpochRecordFile file = await OpenAsync(_disk);
        Assert.Null(file.Current);
    }

    [Fact]
    public async Task Under_process_a_record_is_flushed_where_another_node_relies_on_it_after_a_reboot()
    {
        var disk = new LossyNode(EpochRecordFile.FileBytes, "record");
        EpochRecordFile file = await OpenAsync(disk);
        EpochRecord record = Record(1);
        await file.WriteAsync(record);
        await FlushesAsync(0, record = record with { Epoch = 2, OverlaySet = 7 });
        await FlushesAsync(0, record = record with { Flags = EpochFlags.Incomplete });
        await FlushesAsync(0, record = record with { Flags = EpochFlags.None });
        await FlushesAsync(1, record = record with { Stage = NodeStage.Failover, GenerationNumber = 9, GenerationId = Guid.NewGuid() });
        await FlushesAsync(1, record = record with { Stage = NodeStage.Done });
        await FlushesAsync(1, record = record with { Flags = EpochFlags.HadPeer });
        // Guest writes wait for this one: its flush follows.
        await FlushesAsync(0, record with { Stage = NodeStage.Detached });
        await file.FlushAsync();
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 20; round++)
            Assert.Equal(NodeStage.Detached, (await OpenAsync(disk.Crash(random))).Current!.Stage);

        async Task FlushesAsync(int flushes, EpochRecord next)
        {
            int before = disk.Flushes;
            await file.WriteAsync(next);
            Assert.Equal(flushes, disk.Flushes - before);
        }
    }

    [Fact]
    public async Task Every_field_of_the_last_record_comes_back()
    {
        await using EpochRecordFile file = await OpenAsync(_disk);
        EpochRecord written = null!;
        for (ulong epoch = 1; epoch <= 5; epoch++)
        {
            written = await file.WriteAsync(
                Record(epoch) with { Flags = EpochFlags.HadPeer | EpochFlags.Incomplete, OverlaySet = ulong.MaxValue - epoch, PairId = Guid.NewGuid() });
            Assert.Equal(written, (await OpenAsync(_disk)).Current);
        }

        Assert.Equal(5UL, written.Sequence);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_torn_write_leaves_the_old_record_wherever_it_is_torn(bool headFirst)
    {
        for (int torn = 0; torn < 112; torn++)
        {
            var disk = new MemoryNode(EpochRecordFile.FileBytes, "record");
            EpochRecordFile file = await OpenAsync(disk);
            await file.WriteAsync(Record(1));
            await file.WriteAsync(Record(2));
            byte[] before = disk.Snapshot();
            await file.WriteAsync(Record(3));
            byte[] after = disk.Snapshot();
            for (int i = 0; i < 112; i++)
            {
                foreach (int slot in (int[])[0, 4096])
                {
                    if (i < torn == headFirst)
                        before[slot + i] = after[slot + i];
                }
            }

            await disk.WriteAsync(0, before);
            EpochRecord? found = (await OpenAsync(disk)).Current;
            Assert.True(found?.Epoch is 2 or 3, $"torn at {torn}: epoch {found?.Epoch}");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task After_a_failed_write_the_kept_record_is_found_whether_or_not_the_failed_one_is_on_the_disk(bool tookEffect)
    {
        var hook = new HookNode(_disk);
        EpochRecordFile file = await OpenAsync(hook);
        await file.WriteAsync(Record(1));
        if (tookEffect)
            hook.After = (_, range) => throw new BlockException(BlockErrorKind.Io, "record", BlockOperation.Write, range, "told to fail");
        else
            hook.Fail(BlockOperation.Write);
        await Assert.ThrowsAsync<BlockException>(async () => await file.WriteAsync(Record(2)));
        Assert.True(file.IsUnsettled);
        Assert.Equal(1UL, file.Current!.Epoch);
        // The kept one cannot be written either, at first.
        await Assert.ThrowsAsync<BlockException>(async () => await file.KeepAsync());
        hook.After = null;
        hook.Before = null;
        await file.KeepAsync();
        Assert.Equal(1UL, (await OpenAsync(_disk)).Current!.Epoch);
        Assert.True((await OpenAsync(_disk)).Current!.Sequence > 2);
        await file.WriteAsync(Record(2));
        Assert.Equal(2UL, (await OpenAsync(_disk)).Current!.Epoch);
    }

    [Fact]
    public async Task A_replacement_that_fails_keeps_the_record_that_is_in_force()
    {
        var hook = new HookNode(_disk);
        EpochRecordFile file = await OpenAsync(hook);
        await file.WriteAsync(Record(1));
        int writes = 0;
        hook.After = (_, range) =>
        {
            if (++writes == 1)
                throw new BlockException(BlockErrorKind.Io, "record", BlockOperation.Write, range, "told to fail");
        };
        await Assert.ThrowsAsync<BlockException>(async () => await file.ReplaceAsync(Record(2)));
        Assert.False(file.IsUnsettled);
        Assert.Equal(1UL, (await OpenAsync(_disk)).Current!.Epoch);
    }

    [Fact]
    public async Task An_unknown_version_is_refused_by_its_number()
    {
        await (await OpenAsync(_disk)).WriteAsync(Record(1));
        byte[] content = _disk.Snapshot();
        foreach (int slot in (int[])[0, 4096])
            BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(slot + 8), 7);
        "COLOEPOC"u8.CopyTo(content);
        await _disk.WriteAsync(0, content);
        StateException refused = await Assert.ThrowsAsync<StateException>(async () => await OpenAsync(_disk));
        Assert.Contains("version 7", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_damaged_records_are_refused_and_a_torn_first_one_is_not()
    {
        await _disk.FillAsync(new BlockRange(4096, 50), 0x5a);
        Assert.Null((await OpenAsync(_disk)).Current);
        await _disk.FillAsync(new BlockRange(0, 50), 0x5a);
        await Assert.ThrowsAsync<StateException>(async () => await OpenAsync(_disk));
    }

    private static ValueTask<EpochRecordFile> OpenAsync(BlockNode disk) => EpochRecordFile.OpenAsync(disk, "/state/epoch");

    private static EpochRecord Record(ulong epoch) => new()
    {
        GroupId = new Guid("00112233-4455-6677-8899-aabbccddeeff"),
        GenerationNumber = 3,
        GenerationId = new Guid("ffeeddcc-bbaa-9988-7766-554433221100"),
        Epoch = epoch,
        Stage = NodeStage.Running,
    };
}
