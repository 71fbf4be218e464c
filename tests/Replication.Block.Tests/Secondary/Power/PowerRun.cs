using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary.Power;

/// <summary>One run: requests one after the other, then the loss of power at a random operation, then the reboot and the checks.</summary>
internal sealed class PowerRun(Random random)
{
    private const int Requests = 40;
    private const int Cell = LossyNode.SectorBytes;

    private readonly PowerGroup _group = new();

    // What the primary has written, by sector; what a reboot may show of the view; and the same before the checkpoint that is under way.
    private readonly byte[] _mirror = new byte[PowerGroup.LengthBytes / Cell];
    private readonly HashSet<int> _primaryMarks = []; // sectors that no flush of the mirror has covered: the primary has them marked
    private HashSet<byte>[] _allowed = [];
    private (ulong Epoch, HashSet<byte>[] Allowed)? _before;
    private byte _nextValue;
    private MirrorSessionState _session = new(Guid.NewGuid());

    public async Task RunAsync()
    {
        // In half of the runs the disk's flushes are slow: then a checkpoint keeps what is unflushed in the next hidden disk.
        _group.FlushTakes = TimeSpan.FromSeconds(random.Next(2));
        await _group.OpenAsync(afterCrash: false);
        await SwitchAsync();
        int quiet = random.Next(Requests);
        for (int request = 0; request < Requests && _group.Left is null; request++)
        {
            if (request == quiet)
                _group.CrashIn(random.Next(60), random);
            await StepAsync();
        }

        if (_group.Left is null)
            _group.CrashNow(random);
        await CheckAsync(_group.Left!);
    }

    private async Task StepAsync()
    {
        NodeStage stage = _group.Group.Stage;
        int kind = random.Next(20);
        if (kind < 8 && stage == NodeStage.Running)
            await MirrorAsync();
        else if (kind < 15)
            await GuestAsync();
        else if (kind < 17)
            await FlushAsync();
        else if (kind < 19 && stage == NodeStage.Running)
            await SwitchAsync();
        else if (stage == NodeStage.Running && random.Next(4) == 0)
            await PromoteAsync();
        else if (stage == NodeStage.Failover)
            await _group.Group.CommitAsync();
    }

    private async Task MirrorAsync()
    {
        (BlockRange range, byte value) = Next();
        byte[] content = Filled(range, value);
        Put(cell => _mirror[cell] = value, range);
        Put(cell => _primaryMarks.Add(cell), range);
        BlockNode target = _group.Group.Disks[0].CreateMirrorTarget(_session);
        if (value == 0)
            await target.WriteZeroesAsync(range);
        else
            await target.WriteAsync(range.OffsetBytes, content);
        if (random.Next(4) != 0)
            return;
        await target.FlushAsync();
        if (_group.Left is null)
            _primaryMarks.Clear();
    }

    private async Task GuestAsync()
    {
        (BlockRange range, byte value) = Next();
        // Until a flush covers it a sector may have what it had, or this.
        Put(cell => _allowed[cell].Add(value), range);
        if (value == 0)
            await _group.Guest.WriteZeroesAsync(range);
        else
            await _group.Guest.WriteAsync(range.OffsetBytes, Filled(range, value));
    }

    private async Task FlushAsync()
    {
        byte[] view = await _group.Guest.ReadAllAsync();
        await _group.Guest.FlushAsync();
        if (_group.Left is null)
            _allowed = Only(cell => view[cell * Cell]);
    }

    private async Task SwitchAsync()
    {
        ulong epoch = _group.Group.Record!.Epoch + 1;
        _before = (epoch - 1, _allowed);
        SwitchResult result = await _group.SwitchAsync(flushesAhead: random.Next(2) == 0);
        Assert.True(result.Switched, result.Reason);
        _allowed = Only(cell => _mirror[cell]);
        if (_group.Left is null)
            _before = null;
    }

    private async Task PromoteAsync()
    {
        SwitchResult result = await _group.Group.PromoteAsync(
            record => record with { GenerationNumber = record.GenerationNumber + 1, GenerationId = Guid.NewGuid() }, TimeSpan.FromSeconds(1), _session.Revoke);
        Assert.True(result.Switched, result.Reason);
        _session = new MirrorSessionState(Guid.NewGuid());
    }

    private async Task CheckAsync(PowerGroup left)
    {
        await left.OpenAsync(afterCrash: true);
        EpochRecord record = left.Group.Record!;
        if (record.Stage == NodeStage.None)
            return; // The first checkpoint was not on record.
        HashSet<byte>[] allowed = _before is { } before && before.Epoch == record.Epoch ? before.Allowed : _allowed;
        if (allowed.Length == 0)
            return;
        Assert.False(left.Group.OverlaysLost);
        byte[] view = await left.Guest.ReadAllAsync();
        Check(view, allowed, record.Stage.ToString());
        if (record.Stage == NodeStage.Running)
        {
            SwitchResult promoted = await left.Group.PromoteAsync(
                next => next with { GenerationNumber = next.GenerationNumber + 1, GenerationId = Guid.NewGuid() }, TimeSpan.FromSeconds(1));
            Assert.True(promoted.Switched, promoted.Reason);
        }

        Assert.Equal(CommitOutcome.Done, (await left.Group.CommitAsync()).Outcome);
        BlockAssert.Equal(view, left.Disk.Snapshot());
        // No lost dirt: what differs from what the primary wrote is marked, there or here.
        for (int cell = 0; cell < _mirror.Length; cell++)
        {
            Assert.True(
                view[cell * Cell] == _mirror[cell] || _primaryMarks.Contains(cell) || left.Group.Disks[0].Dirty!.Bits[cell * Cell / PowerGroup.BlockBytes],
                $"sector {cell} differs from the primary's and is not marked");
        }
    }

    private static void Check(byte[] view, HashSet<byte>[] allowed, string stage)
    {
        for (int cell = 0; cell < allowed.Length; cell++)
        {
            byte value = view[cell * Cell];
            Assert.True(allowed[cell].Contains(value), $"stage {stage}: sector {cell} shows {value}, not {string.Join(" or ", allowed[cell])}");
            Assert.False(view.AsSpan(cell * Cell, Cell).ContainsAnyExcept(value));
        }
    }

    private (BlockRange Range, byte Value) Next()
    {
        int first = random.Next(_mirror.Length);
        int cells = random.Next(1, Math.Min(30, _mirror.Length - first) + 1);
        byte value = random.Next(6) == 0 ? (byte)0 : ++_nextValue;
        return (new BlockRange(first * Cell, cells * Cell), value);
    }

    private static byte[] Filled(BlockRange range, byte value)
    {
        byte[] content = new byte[range.LengthBytes];
        Array.Fill(content, value);
        return content;
    }

    private static void Put(Action<int> put, BlockRange range)
    {
        for (long cell = range.OffsetBytes / Cell; cell * Cell < range.EndBytes; cell++)
            put((int)cell);
    }

    private HashSet<byte>[] Only(Func<int, byte> value) => [.. Enumerable.Range(0, _mirror.Length).Select(cell => new HashSet<byte> { value(cell) })];
}
