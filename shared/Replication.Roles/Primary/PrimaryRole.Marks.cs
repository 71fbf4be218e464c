using Replication.Block;
using Replication.Block.Dirty;
using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <remarks>
/// The dirty marks of the disks (invariant No lost dirt): kept from just before the first session's children are added, through every later stage of this
/// generation; a primary that never replicated, and one that has gone on alone, marks nothing. The record says whether they can be trusted
/// (<see cref="EpochFlags.MarksTrusted"/>): from the record on that makes a pair of this primary and the peer that its sync was with; until a
/// sync with a peer that they do not describe, a lost or damaged file, or a reboot of a <c>process</c> node.
/// </remarks>
internal sealed partial class PrimaryRole
{
    private int _localFlushFailures; // Interlocked
    private int _flushFailuresAtAttach; // guarded by _verbs: a sync that a failure overtakes may have compared what the disk has lost
    private int _flushFailuresSynced; // guarded by _verbs: the failures that the last sync has dealt with

    private bool MarksTrusted => State.Record.Flags.HasFlag(EpochFlags.MarksTrusted);

    private async Task OpenMarksAsync()
    {
        if (MarksTrusted && (State.MayLackUnflushed || !await TryLoadMarksAsync()))
        {
            await EndMarkingAsync();
            // Before anything is written unmarked. The next sync compares digests.
            await DistrustMarksAsync();
        }

        if (State.BecomesPower)
            await FlushStateAsync();
        State.TrustBoot();
    }

    /// <summary>
    /// The durability was <c>process</c> until now: marks may have been cleared whose blocks are in this disk's page cache only, and what is marked may not be
    /// on the medium. Both are, before the manifest says that a reboot takes nothing.
    /// </summary>
    private async Task FlushStateAsync()
    {
        foreach (PrimaryDisk disk in _disks)
        {
            await disk.Quorum.FlushLocalAsync();
            if (disk.Quorum.Marks is { } marks)
                await marks.FlushAsync();
        }
    }

    private async Task<bool> TryLoadMarksAsync()
    {
        try
        {
            foreach (PrimaryDisk disk in _disks)
            {
                if (State.Directory.Files.Open(MarksFile(disk), $"{disk.Name}.dirty") is not { } file)
                    throw new StateException($"{MarksFile(disk)} is missing");
                await KeepAsync(disk, file, PersistentBitmap.LoadAsync);
            }

            return true;
        }
        catch (IOException e)
        {
            _context.Log.MarksLost(e.Message);
            return false;
        }
    }

    /// <summary>
    /// Every disk is marked from here on; new bitmaps are empty. Where the peer is not the one that trusted marks describe, they are not trusted any more: only
    /// a sync of the whole disk can say what differs then.
    /// </summary>
    private async Task BeginMarkingAsync(bool describePeer)
    {
        if (!describePeer)
        {
            using (await _changes.EnterAsync())
                await DistrustMarksAsync();
        }

        foreach (PrimaryDisk disk in _disks.Where(disk => disk.Quorum.Marks is null))
            await KeepAsync(disk, await EmptyFileAsync(disk), PersistentBitmap.CreateAllocatedAsync);
        // The record is about to rely on them: after a loss of power their names must be there, too.
        if (Options.Durability == Durability.Power)
            State.Directory.Files.SyncNames();
    }

    /// <summary>Nothing is marked any more. The record says before that the marks are not trusted.</summary>
    private async Task EndMarkingAsync()
    {
        foreach (PrimaryDisk disk in _disks)
        {
            if (disk.Quorum.Marks is not { } marks)
                continue;
            await disk.Quorum.MarkAsync(null);
            await marks.DisposeAsync();
        }
    }

    /// <summary>
    /// The node ends. The record may rely on the marks, so they stay in place: a write that comes even now
    /// and would need another mark fails, and none goes unmarked.
    /// </summary>
    private async Task CloseMarksAsync()
    {
        foreach (PrimaryDisk disk in _disks)
        {
            if (disk.Quorum.Marks is { } marks)
                await marks.DisposeAsync();
        }
    }

    /// <summary>A start or resync has been taken back: marks that it began for are of no use, unless the record has come to rely on them.</summary>
    private Task EndUntrustedMarkingAsync() => MarksTrusted ? Task.CompletedTask : EndMarkingAsync();

    /// <summary>
    /// This primary and that secondary have the same pair id on record: whatever has been the secondary's since, this primary has told it, or has marked.
    /// </summary>
    private bool IsOurs(PeerPosition position) => position.PairId != Guid.Empty && position.PairId == State.Record.PairId;

    /// <summary>That secondary has a pair id on record, and it is another one.</summary>
    private bool IsAnothers(PeerPosition position) => position.PairId != Guid.Empty && position.PairId != State.Record.PairId;

    /// <summary>
    /// The secondary is what the marks are about. Another one, or one restored from a state before our last checkpoint, is compared by digests.
    /// </summary>
    private bool MarksDescribe(PeerPosition position) =>
        MarksTrusted
        && IsOurs(position)
        && Volatile.Read(ref _localFlushFailures) == _flushFailuresSynced
        && position.History.Count > 0
        && position.Generation.Id == State.Generation.Id
        && position.Epoch >= State.Record.Epoch
        && position.Stage is NodeStage.Running or NodeStage.Stopped or NodeStage.None;

    /// <summary>
    /// A flush of a primary disk has failed: the kernel may have dropped what it could not write, so that the disk lacks blocks that the secondary has, and no
    /// mark says which. Marks do not tell what differs any more: the next sync compares digests. The
    /// mirror stays, as the secondary may be what the guest needs next.
    /// </summary>
    private void OnLocalFlushFailed()
    {
        Interlocked.Increment(ref _localFlushFailures);
        _context.Run("distrust dirty marks after a failed flush", async () =>
        {
            try
            {
                using (await _changes.EnterAsync())
                    await DistrustMarksAsync();
            }
            catch (BlockException e)
            {
                // This process does not trust them; only a restart would.
                _context.Log.Warn($"that the dirty marks are not trusted any more is not on record; after a restart run verify: {e.Message}");
            }
        });
    }

    /// <summary>A sync is complete: its marks say what differs, unless a flush of a primary disk has failed meanwhile.</summary>
    private EpochFlags TrustMarks(EpochFlags flags)
    {
        if (Volatile.Read(ref _localFlushFailures) != _flushFailuresAtAttach)
            return flags & ~EpochFlags.MarksTrusted;
        _flushFailuresSynced = _flushFailuresAtAttach;
        return flags | EpochFlags.MarksTrusted;
    }

    private async Task DistrustMarksAsync()
    {
        if (MarksTrusted)
            await State.RecordAsync(record => record with { Flags = record.Flags & ~EpochFlags.MarksTrusted });
    }

    private async Task KeepAsync(PrimaryDisk disk, BlockNode file, Func<BlockNode, long, int, bool, ValueTask<PersistentBitmap>> open)
    {
        BlockNode decorated = _context.Decorate(file);
        try
        {
            PersistentBitmap bitmap = await open(decorated, disk.Quorum.LengthBytes, MarksBlockBytes, Options.Durability == Durability.Power);
            await disk.Quorum.MarkAsync(new DirtyMarks(bitmap, disk.Quorum.LengthBytes));
        }
        catch
        {
            await decorated.DisposeAsync();
            throw;
        }
    }

    // The old file where it fits: its name and length are durable then, whatever becomes of the power.
    private async Task<BlockNode> EmptyFileAsync(PrimaryDisk disk)
    {
        long lengthBytes = PersistentBitmap.FileBytes(disk.Quorum.LengthBytes, MarksBlockBytes);
        BlockNode? file = State.Directory.Files.Open(MarksFile(disk), $"{disk.Name}.dirty");
        if (file?.LengthBytes == lengthBytes)
            return file;
        if (file is not null)
        {
            await file.DisposeAsync();
            State.Directory.Files.Delete(MarksFile(disk));
        }

        return State.Directory.Files.Create(MarksFile(disk), lengthBytes, $"{disk.Name}.dirty");
    }

    private int MarksBlockBytes => Options.Overlay?.BlockSizeBytes ?? Limits.MarksBlockBytes;

    private static string MarksFile(PrimaryDisk disk) => $"{disk.Name}.dirty";
}
