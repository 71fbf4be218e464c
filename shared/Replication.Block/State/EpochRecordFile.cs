namespace Replication.Block.State;

/// <summary>The two slots of the epoch record (invariant Atomic).</summary>
/// <remarks>
/// One write into the slot that is not in force; the valid record with the highest sequence wins at open. So a kill at any instruction, and a torn
/// write, leave the old record or the new one. A write that <i>failed</i> may be on the disk all the same: until <see cref="KeepAsync"/> has put a
/// record of higher sequence with the old content over it, nobody can tell which one a restart would find, and no other record may be written.
/// Under <c>Durability: process</c> a record is flushed only where another node relies on it after a reboot of this one (<see cref="IsReliedOn"/>): kill -9
/// loses no page cache. Under <c>power</c> every record is. What is flushed is written when the flush has
/// succeeded, and a failed flush is a failed write. Callers take turns.
/// </remarks>
public sealed class EpochRecordFile : IAsyncDisposable
{
    /// <summary>The file's name inside the state directory; its lock is the directory's.</summary>
    public const string FileName = "epoch";

    /// <summary>Length of the file: two slots, a page each, so that one write never touches the other slot's page.</summary>
    public const int FileBytes = 2 * SlotDistanceBytes;

    private const int SlotDistanceBytes = 4096;

    private readonly BlockNode _file;

    // The fields below belong to whose turn it is.
    private int _currentSlot;
    private ulong _highestSequence;
    private bool _unsettled;
    private bool _unsettledFlushes; // what is unsettled was to be flushed: so must be what is put over it
    private volatile EpochRecord? _current;

    private readonly bool _flushes;

    private EpochRecordFile(BlockNode file, bool flushes)
    {
        _file = file;
        _flushes = flushes;
    }

    /// <summary>The record in force; null in a new state directory.</summary>
    public EpochRecord? Current => _current;

    /// <summary>A write has failed, and <see cref="KeepAsync"/> has not made good for it yet.</summary>
    public bool IsUnsettled => _unsettled;

    /// <summary>Reads both slots of <paramref name="file"/>, which is this object's from here on.</summary>
    /// <param name="file">The two slots.</param>
    /// <param name="path">Its name in messages.</param>
    /// <param name="flushes">A record survives a loss of power, too.</param>
    /// <exception cref="StateException">Unknown version, or records where none is whole.</exception>
    public static async ValueTask<EpochRecordFile> OpenAsync(BlockNode file, string path, bool flushes = false)
    {
        Invariant.Check(file.LengthBytes >= FileBytes, "the epoch file has two slots");
        var opened = new EpochRecordFile(file, flushes);
        byte[] slot = new byte[EpochRecord.SlotBytes];
        int damaged = 0;
        for (int i = 0; i < 2; i++)
        {
            await file.ReadAsync(i * SlotDistanceBytes, slot);
            if (!EpochRecord.TryDecode(slot, path, out EpochRecord? record))
                damaged += slot.AsSpan().ContainsAnyExcept((byte)0) ? 1 : 0;
            else if (record.Sequence > opened._highestSequence)
                opened.Publish(record, i);
        }

        // One damaged slot beside a blank one is a first write that was torn: nothing had been promised to anybody yet.
        if (damaged == 2)
            throw new StateException($"{path}: neither of its two records is whole (checksums do not fit)");
        // What is acted on from here on must not be taken back by a loss of power.
        if (flushes)
            await file.FlushAsync();
        return opened;
    }

    /// <summary>Makes <paramref name="next"/> the record in force. Its sequence is given here.</summary>
    /// <exception cref="BlockException">The write failed; the old record is in force, and <see cref="KeepAsync"/> must follow.</exception>
    public async ValueTask<EpochRecord> WriteAsync(EpochRecord next)
    {
        Invariant.Check(!_unsettled, "after a failed record write the kept record comes first");
        return await WriteSlotAsync(next);
    }

    /// <summary>After a failed write: puts the record in force over it, with a higher sequence. May be tried again.</summary>
    /// <exception cref="BlockException">That failed too: what a restart would find is not known.</exception>
    public async ValueTask KeepAsync()
    {
        Invariant.Check(_unsettled, "a record is kept after a failed write");
        if (_current is { } kept)
            await WriteSlotAsync(kept);
        else
            await EraseAsync();
    }

    /// <summary>
    /// Makes <paramref name="next"/> the record in force, or keeps the one that is: <see cref="WriteAsync"/>, and <see cref="KeepAsync"/> where it failed.
    /// Where neither can be written nobody can tell what a restart would find, and the process ends.
    /// </summary>
    /// <exception cref="BlockException">The write failed; the old record is in force, for certain.</exception>
    public async ValueTask<EpochRecord> ReplaceAsync(EpochRecord next)
    {
        try
        {
            return await WriteAsync(next);
        }
        catch (BlockException)
        {
            await KeepOrEndAsync();
            throw;
        }
    }

    /// <summary>Makes the record in force survive a loss of power, where its write has not done so. Needs no turn.</summary>
    /// <exception cref="BlockException">It may not.</exception>
    public ValueTask FlushAsync() => _file.FlushAsync();

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private async ValueTask<EpochRecord> WriteSlotAsync(EpochRecord next)
    {
        // A failed attempt may be on the disk with its sequence: none is used twice.
        EpochRecord record = next with { Sequence = ++_highestSequence };
        int slot = 1 - _currentSlot;
        byte[] encoded = new byte[EpochRecord.SlotBytes];
        record.Encode(encoded);
        bool flushes = _flushes || (_unsettled && _unsettledFlushes) || IsReliedOn(record, _current);
        (_unsettled, _unsettledFlushes) = (true, flushes);
        await _file.WriteAsync(slot * SlotDistanceBytes, encoded);
        if (flushes)
            await _file.FlushAsync();
        _unsettled = false;
        Publish(record, slot);
        return record;
    }

    /// <summary>
    /// A record that a reboot must not take back, whatever the durability: a generation that began, a stage or a peer that decides who may go on. Rare. Epochs,
    /// overlay sets and the other flags come with every checkpoint and session, and mean nothing after a reboot of a <c>process</c> node.
    /// <c>detached</c> is written while guest writes wait, so its flush comes behind it (<see cref="FlushAsync"/>).
    /// </summary>
    private static bool IsReliedOn(EpochRecord next, EpochRecord? current) =>
        next.GenerationId != current?.GenerationId
        || (next.Stage != current.Stage && next.Stage != NodeStage.Detached)
        || (next.Flags & ~current.Flags).HasFlag(EpochFlags.HadPeer);

    private async ValueTask KeepOrEndAsync()
    {
        try
        {
            await KeepAsync();
        }
        catch (BlockException e)
        {
            Invariant.Broken("after a failed record write the kept record could not be written either", e);
        }
    }

    private async ValueTask EraseAsync()
    {
        await _file.WriteAsync((1 - _currentSlot) * SlotDistanceBytes, new byte[EpochRecord.SlotBytes]);
        if (_flushes)
            await _file.FlushAsync();
        _unsettled = false;
    }

    private void Publish(EpochRecord record, int slot)
    {
        _current = record;
        _currentSlot = slot;
        _highestSequence = Math.Max(_highestSequence, record.Sequence);
    }
}
