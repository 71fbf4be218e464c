using System.Runtime.CompilerServices;
using Replication.Block.Locks;

namespace Replication.Block.Snapshots;

/// <summary>Stands above a disk whose old content somebody may want to keep, and asks them before each change.</summary>
/// <remarks>
/// It stands there always. Where nobody is asked a change costs a stay in the gate, which all disks of a group share: who closes that finds no change under
/// way on any of them, and may begin or end to be asked. The gate is this node's alone: what goes on above it, a mirror that does not answer or a checkpoint
/// that holds the guest, keeps nobody from closing it.
/// </remarks>
public sealed class BeforeWriteNode(string name, BlockNode disk, GroupGate gate) : BlockNode(name, disk.LengthBytes, disk.Capabilities)
{
    private readonly Lock _sync = new(); // guards replacements of _asked

    // Replaced as a whole.
    private volatile IBeforeWrite[] _asked = [];

    /// <summary>From the next change on it is asked, after those that were added before it. The gate is closed, or nobody uses the node yet.</summary>
    public void Add(IBeforeWrite asked)
    {
        lock (_sync)
            _asked = [.. _asked, asked];
    }

    /// <summary>The same, before those that were added already.</summary>
    public void AddFirst(IBeforeWrite asked)
    {
        lock (_sync)
            _asked = [asked, .. _asked];
    }

    /// <summary>It is asked no more; questions that are under way are still answered.</summary>
    public void Remove(IBeforeWrite asked)
    {
        lock (_sync)
            _asked = [.. _asked.Where(other => other != asked)];
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => disk.ReadAsync(offsetBytes, buffer);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => disk.StatusAsync(range);

    protected override ValueTask FlushCore() => disk.FlushAsync();

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        if (!TryEnterUnasked(out GateTicket ticket))
            return AskAndWriteAsync(offsetBytes, data, flags);
        return Leave(ticket, disk.WriteAsync(offsetBytes, data, flags));
    }

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags)
    {
        if (!TryEnterUnasked(out GateTicket ticket))
            return AskAndZeroAsync(range, flags, discards: false);
        return Leave(ticket, disk.WriteZeroesAsync(range, flags));
    }

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags)
    {
        if (!TryEnterUnasked(out GateTicket ticket))
            return AskAndZeroAsync(range, flags, discards: true);
        return Leave(ticket, disk.DiscardAsync(range, flags));
    }

    /// <summary>The gate is open, and there is nobody to ask: which stays so for as long as the ticket is held.</summary>
    private bool TryEnterUnasked(out GateTicket ticket)
    {
        if (!gate.TryEnter(out ticket))
            return false;
        if (_asked.Length == 0)
            return true;
        gate.Exit(ticket);
        return false;
    }

    private ValueTask Leave(GateTicket ticket, ValueTask change)
    {
        if (!change.IsCompletedSuccessfully)
            return LeaveLaterAsync(ticket, change);
        gate.Exit(ticket);
        return change;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask LeaveLaterAsync(GateTicket ticket, ValueTask change)
    {
        try
        {
            await change;
        }
        finally
        {
            gate.Exit(ticket);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask AskAndWriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        GateTicket ticket = await gate.EnterAsync();
        try
        {
            await AskAsync(new BlockRange(offsetBytes, data.Length));
            await disk.WriteAsync(offsetBytes, data, flags);
        }
        finally
        {
            gate.Exit(ticket);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask AskAndZeroAsync(BlockRange range, WriteFlags flags, bool discards)
    {
        GateTicket ticket = await gate.EnterAsync();
        try
        {
            await AskAsync(range);
            await (discards ? disk.DiscardAsync(range, flags) : disk.WriteZeroesAsync(range, flags));
        }
        finally
        {
            gate.Exit(ticket);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask AskAsync(BlockRange range)
    {
        foreach (IBeforeWrite who in _asked)
            await who.BeforeWriteAsync(range);
    }
}
