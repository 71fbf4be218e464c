using Replication.Block;
using Replication.Block.Dirty;
using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <summary>
/// The dirty marks of a primary's disks (invariant No lost dirt), and whether they can be trusted.
/// </summary>
/// <remarks>
/// They are kept from just before the first session's children are added, through every later stage of this
/// generation; a primary that never replicated, and one that has gone on alone, marks nothing. The record says whether they can be trusted
/// (<see cref="EpochFlags.MarksTrusted"/>): from the record on that makes a pair of this primary and the peer that its sync was with; until a
/// sync with a peer that they do not describe, a lost or damaged file, or a reboot of a <c>process</c> node.
/// </remarks>
/// <param name="node">The node.</param>
/// <param name="disks">Its disks.</param>
/// <param name="changes">Guards the record.</param>
internal sealed class PrimaryMarks(RoleContext node, IReadOnlyList<PrimaryDisk> disks, AsyncMutex changes)
{
    private int _localFlushFailures; // Interlocked
    private int _flushFailuresAtAttach; // guarded by the role's verbs: a sync that a failure overtakes may have compared what the disk has lost
    private int _flushFailuresSynced; // guarded by the role's verbs: the failures that the last sync has dealt with

    private NodeState State => node.State;

    private bool AreTrusted => State.Record.Flags.HasFlag(EpochFlags.MarksTrusted);

    private int BlockBytes => node.Options.Overlay?.BlockSizeBytes ?? Limits.MarksBlockBytes;

    /// <summary>Finds the marks that the last run has left. Called before anything is written to a disk.</summary>
    public async Task OpenAsync()
    {
        if (AreTrusted && (State.MayLackUnflushed || !await TryLoadAsync()))
        {
            await EndAsync();
            // Before anything is written unmarked. The next sync compares digests.
            await DistrustAsync();
        }

        if (State.BecomesPower)
            await FlushStateAsync();
        State.TrustBoot();
    }

    /// <summary>
    /// Every disk is marked from here on; new bitmaps are empty. Where the peer is not the one that trusted marks describe, they are not trusted any more: only
    /// a sync of the whole disk can say what differs then.
    /// </summary>
    public async Task BeginAsync(bool describePeer)
    {
        if (!describePeer)
        {
            using (await changes.EnterAsync())
                await DistrustAsync();
        }

        foreach (PrimaryDisk disk in disks.Where(disk => disk.Quorum.Marks is null))
            await KeepAsync(disk, await EmptyFileAsync(disk), PersistentBitmap.CreateAllocatedAsync);
        // The record is about to rely on them: after a loss of power their names must be there, too.
        if (node.Options.Durability == Durability.Power)
            State.Directory.Files.SyncNames();
    }

    /// <summary>Nothing is marked any more. The record says before that the marks are not trusted.</summary>
    public async Task EndAsync()
    {
        foreach (PrimaryDisk disk in disks)
        {
            if (disk.Quorum.Marks is not { } marks)
                continue;
            await disk.Quorum.MarkAsync(null);
            await marks.DisposeAsync();
        }
    }

    /// <summary>A start or resync has been taken back: marks that it began for are of no use, unless the record has come to rely on them.</summary>
    public Task EndUntrustedAsync() => AreTrusted ? Task.CompletedTask : EndAsync();

    /// <summary>
    /// The node ends. The record may rely on the marks, so they stay in place: a write that comes even now
    /// and would need another mark fails, and none goes unmarked.
    /// </summary>
    public async Task CloseAsync()
    {
        foreach (PrimaryDisk disk in disks)
        {
            if (disk.Quorum.Marks is { } marks)
                await marks.DisposeAsync();
        }
    }

    /// <summary>A session begins: what fails from here on its sync may not see.</summary>
    public void NoteAttach() => _flushFailuresAtAttach = Volatile.Read(ref _localFlushFailures);

    /// <summary>
    /// The secondary is what the marks are about. Another one, or one restored from a state before our last checkpoint, is compared by digests.
    /// </summary>
    public bool Describe(PeerPosition position) =>
        AreTrusted
        && position.IsOfPair(State.Record.PairId)
        && Volatile.Read(ref _localFlushFailures) == _flushFailuresSynced
        && position.History.Count > 0
        && position.Generation.Id == State.Generation.Id
        && position.Epoch >= State.Record.Epoch
        && position.Stage is NodeStage.Running or NodeStage.Stopped or NodeStage.None;

    /// <summary>A sync is complete: its marks say what differs, unless a flush of a primary disk has failed meanwhile.</summary>
    public EpochFlags Trust(EpochFlags flags)
    {
        if (Volatile.Read(ref _localFlushFailures) != _flushFailuresAtAttach)
            return flags & ~EpochFlags.MarksTrusted;
        _flushFailuresSynced = _flushFailuresAtAttach;
        return flags | EpochFlags.MarksTrusted;
    }

    /// <summary>
    /// A flush of a primary disk has failed: the kernel may have dropped what it could not write, so that the disk lacks blocks that the secondary has, and no
    /// mark says which. Marks do not tell what differs any more: the next sync compares digests. The
    /// mirror stays, as the secondary may be what the guest needs next.
    /// </summary>
    public void FlushHasFailed()
    {
        Interlocked.Increment(ref _localFlushFailures);
        node.Run("distrust dirty marks after a failed flush", async () =>
        {
            try
            {
                using (await changes.EnterAsync())
                    await DistrustAsync();
            }
            catch (BlockException e)
            {
                // This process does not trust them; only a restart would.
                node.Log.Warn($"that the dirty marks are not trusted any more is not on record; after a restart run verify: {e.Message}");
            }
        });
    }

    /// <summary>
    /// The durability was <c>process</c> until now: marks may have been cleared whose blocks are in this disk's page cache only, and what is marked may not be
    /// on the medium. Both are, before the manifest says that a reboot takes nothing.
    /// </summary>
    private async Task FlushStateAsync()
    {
        foreach (PrimaryDisk disk in disks)
        {
            await disk.Quorum.FlushLocalAsync();
            if (disk.Quorum.Marks is { } marks)
                await marks.FlushAsync();
        }
    }

    private async Task<bool> TryLoadAsync()
    {
        try
        {
            foreach (PrimaryDisk disk in disks)
            {
                if (State.Directory.Files.Open(FileOf(disk), $"{disk.Name}.dirty") is not { } file)
                    throw new StateException($"{FileOf(disk)} is missing");
                await KeepAsync(disk, file, PersistentBitmap.LoadAsync);
            }

            return true;
        }
        catch (IOException e)
        {
            node.Log.MarksLost(e.Message);
            return false;
        }
    }

    private async Task DistrustAsync()
    {
        if (AreTrusted)
            await State.RecordAsync(record => record with { Flags = record.Flags & ~EpochFlags.MarksTrusted });
    }

    private async Task KeepAsync(PrimaryDisk disk, BlockNode file, Func<BlockNode, long, int, bool, ValueTask<PersistentBitmap>> open)
    {
        BlockNode decorated = node.Decorate(file);
        try
        {
            PersistentBitmap bitmap = await open(decorated, disk.Quorum.LengthBytes, BlockBytes, node.Options.Durability == Durability.Power);
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
        long lengthBytes = PersistentBitmap.FileBytes(disk.Quorum.LengthBytes, BlockBytes);
        BlockNode? file = State.Directory.Files.Open(FileOf(disk), $"{disk.Name}.dirty");
        if (file?.LengthBytes == lengthBytes)
            return file;
        if (file is not null)
        {
            await file.DisposeAsync();
            State.Directory.Files.Delete(FileOf(disk));
        }

        return State.Directory.Files.Create(FileOf(disk), lengthBytes, $"{disk.Name}.dirty");
    }

    private static string FileOf(PrimaryDisk disk) => $"{disk.Name}.dirty";
}
