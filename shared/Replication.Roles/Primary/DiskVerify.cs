using Replication.Block;
using Replication.Block.Locks;
using Replication.Roles.Mirror;
using Replication.Roles.Secondary;

namespace Replication.Roles.Primary;

/// <summary>
/// One comparison of a primary disk with the secondary's, while the guest runs.
/// </summary>
/// <remarks>
/// Digests are taken on both sides without a lock first; where they are equal the content was equal when it was read there, and what has changed since was
/// forwarded. Where they differ the guest may have been writing, so the piece is compared again at a barrier: its range is locked against guest writes and
/// copies, and every forward that overlaps it has been answered. What differs then, block by block, differs for good: nothing is on its way to it. A guest's
/// write waits at the barrier for at most the mirror deadline (No hostage): the forwards that it waits for are waited for
/// ahead of the lock as well, and a peer that is too slow ends the verify, not the write.
/// What both sides say reads as zeroes is not read. Each answers of one moment without a lock, and that proves as much as equal digests do: what differs
/// for good and is written by nobody meanwhile cannot have been zero on both sides, at whichever moments, and what is written meanwhile was forwarded. Only
/// zeroes are ever passed over so; whatever else a side says costs no more than the reading.
/// </remarks>
internal sealed class DiskVerify(PrimaryDisk disk, MirrorAttachment attachment, IReplicationPeer peer, bool repair, TimeSpan deadline, TimeProvider time)
{
    private readonly List<BlockRange> _firstDifferences = [];

    /// <summary>Bytes of blocks that differed.</summary>
    public long DifferingBytes { get; private set; }

    public long RepairedBytes { get; private set; }

    /// <summary>Where the first of them are, adjacent blocks together.</summary>
    public IReadOnlyList<BlockRange> FirstDifferences => _firstDifferences;

    public async Task RunAsync(Action<long> advanced, CancellationToken cancellationToken)
    {
        for (long offset = 0; offset < disk.Quorum.LengthBytes;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            attachment.ThrowIfLost();
            Extent run = await FindRunAsync(new BlockRange(offset, Math.Min(Limits.HoleQuestionBytes, disk.Quorum.LengthBytes - offset)));
            var range = new BlockRange(offset, run.LengthBytes);
            if (run.Flags.HasFlag(ExtentFlags.Zero))
                advanced(range.LengthBytes);
            else
                await CompareInCallsAsync(range, advanced, cancellationToken);
            offset = range.EndBytes;
        }
    }

    /// <summary>How a range begins: with zeroes on both sides, or with what has to be compared.</summary>
    private async Task<Extent> FindRunAsync(BlockRange range)
    {
        Extent ours = InSteps(await disk.Quorum.StatusAsync(range), range);
        if (!ours.Flags.HasFlag(ExtentFlags.Zero))
            return ours;
        range = range with { LengthBytes = ours.LengthBytes };
        return InSteps(await attachment.AskStatusAsync(disk, range), range);
    }

    // A hole shorter than a step is compared with what is around it, so that a disk in shreds costs one question a step.
    private static Extent InSteps(Extent answer, BlockRange asked)
    {
        if (answer.LengthBytes == asked.LengthBytes)
            return answer;
        long wholeBytes = answer.LengthBytes - (answer.LengthBytes % Limits.SkippedHoleBytes);
        return wholeBytes > 0 ? answer with { LengthBytes = wholeBytes } : new Extent(Math.Min(Limits.SkippedHoleBytes, asked.LengthBytes), ExtentFlags.Data);
    }

    private async Task CompareInCallsAsync(BlockRange range, Action<long> advanced, CancellationToken cancellationToken)
    {
        for (long offset = range.OffsetBytes; offset < range.EndBytes;)
        {
            var chunk = new BlockRange(offset, Math.Min(Limits.DigestCallBytes, range.EndBytes - offset));
            foreach (BlockRange piece in await CompareAsync(chunk, Limits.DigestPieceBytes, cancellationToken))
                await SettleAsync(piece, cancellationToken);
            offset = chunk.EndBytes;
            advanced(chunk.LengthBytes);
        }
    }

    /// <summary>The pieces of a range whose digests differ.</summary>
    private async Task<List<BlockRange>> CompareAsync(BlockRange range, int pieceBytes, CancellationToken cancellationToken)
    {
        attachment.ThrowIfLost();
        Task<ReadOnlyMemory<byte>> asked = peer.GetDigestsAsync(
            attachment.Token, disk.Name, range.OffsetBytes, range.LengthBytes, pieceBytes, cancellationToken);
        ReadOnlyMemory<byte> ours = await Digests.ReadAsync(disk.Quorum, range, pieceBytes, cancellationToken);
        return Digests.Differing(disk.Name, range, pieceBytes, ours, await asked);
    }

    /// <summary>The truth about a piece that looked different.</summary>
    private async Task SettleAsync(BlockRange piece, CancellationToken cancellationToken)
    {
        List<BlockRange> blocks = await CompareAtBarrierAsync(piece, cancellationToken);
        foreach (BlockRange block in blocks)
        {
            DifferingBytes += block.LengthBytes;
            Note(block);
            if (!repair)
                continue;
            await disk.Quorum.CopyAsync(block, new byte[block.LengthBytes]);
            RepairedBytes += block.LengthBytes;
        }
    }

    private async Task<List<BlockRange>> CompareAtBarrierAsync(BlockRange piece, CancellationToken cancellationToken)
    {
        MirrorLink link = attachment.LinkOf(disk);
        await link.WaitForAnswersAsync(piece);
        using var limit = new CancellationTokenSource(deadline / 2, time);
        using CancellationTokenRegistration caller = cancellationToken.Register(limit.Cancel);
        RangeLock.Ticket ticket = await disk.Quorum.LockAsync(piece);
        try
        {
            await link.WaitForAnswersAsync(piece).WaitAsync(limit.Token);
            attachment.ThrowIfLost();
            List<BlockRange> blocks = await CompareAsync(piece, Limits.VerifiedBlockBytes, limit.Token).WaitAsync(limit.Token);
            return [.. blocks.Where(block => disk.Quorum.Marks?.NeedsCopy(block) != true)];
        }
        catch (Exception e) when (limit.IsCancellationRequested
            && !cancellationToken.IsCancellationRequested
            && e is OperationCanceledException or VerbException { Failure: VerbFailure.Unreachable })
        {
            attachment.ThrowIfLost();
            throw new VerbException(
                VerbFailure.Failed,
                $"{piece} of disk '{disk.Name}' could not be compared within {(deadline / 2).TotalMilliseconds:0} ms, for which its writes were held: the "
                + "secondary is too slow or too busy",
                e);
        }
        finally
        {
            disk.Quorum.Unlock(ticket);
        }
    }

    private void Note(BlockRange block)
    {
        if (_firstDifferences.Count > 0 && _firstDifferences[^1].EndBytes == block.OffsetBytes)
            _firstDifferences[^1] = BlockRange.FromBounds(_firstDifferences[^1].OffsetBytes, block.EndBytes);
        else if (_firstDifferences.Count < Limits.DifferencesNamed)
            _firstDifferences.Add(block);
    }
}
