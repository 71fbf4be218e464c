using System.Runtime.CompilerServices;
using Replication.Block.Locks;

namespace Replication.Block.Secondary;

/// <summary>One disk as one mirror session sees it: the gate, the fence, then copy-before-write.</summary>
internal sealed class MirrorTarget(SecondaryDisk disk, MirrorSessionState session, GroupState group)
    : BlockNode($"{disk.Name}.mirror", disk.LengthBytes, NodeCapabilities.AllNative with { Fua = Capability.Emulated })
{
    protected override async ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        GateTicket gate = await group.Gate.EnterAsync();
        try
        {
            if (session.Revoked)
                throw Over(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length));
            await disk.CopyBeforeWrite.ReadAsync(offsetBytes, buffer);
        }
        finally
        {
            group.Gate.Exit(gate);
        }
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        WriteAsync(new WriteRequest(offsetBytes, data, flags));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => WriteAsync(new WriteRequest(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => WriteAsync(new WriteRequest(range, flags));

    // Not under the gate, and FUA is a write and then this: a checkpoint does not wait for a device.
    // One that fails may have lost writes that were answered: the kernel drops the pages that it could not write (invariant Whole).
    protected override async ValueTask FlushCore()
    {
        if (session.Revoked)
            throw Over(BlockOperation.Flush, default);
        await disk.Flushes.FlushAsync();
        // A write that failed has its own answer, which says where.
        if (disk.FlushHasFailed)
        {
            throw Error(
                BlockErrorKind.Io, BlockOperation.Flush, default,
                "an earlier flush of this disk has failed: no later one makes good what the disk may have lost");
        }
    }

    protected override ValueTask<Extent> StatusCore(BlockRange range) => disk.CopyBeforeWrite.StatusAsync(range);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteAsync(WriteRequest request)
    {
        if (!group.Gate.TryEnter(out GateTicket gate))
            gate = await group.Gate.EnterAsync();
        try
        {
            // Looked at inside the gate: whoever waited at it through a promotion finds the session over.
            if (!session.TryBegin())
                throw Over(request.Operation, request.Range);
            try
            {
                await disk.CopyBeforeWrite.WriteAsync(request, session.CompareBeforeWrite);
            }
            catch (BlockException e)
            {
                // Before the write counts as done, so that no checkpoint takes it for one (invariant Whole).
                session.Fail();
                group.Report(disk.CopyBeforeWrite.IsUndoFailure(e) ? SecondaryFailure.UndoCopy : SecondaryFailure.SecondaryDisk, disk.Name, e);
                throw;
            }
            finally
            {
                disk.NoteWritten(request.Range);
                session.End();
            }
        }
        finally
        {
            group.Gate.Exit(gate);
        }
    }

    private BlockException Over(BlockOperation operation, BlockRange range) =>
        Error(BlockErrorKind.Shutdown, operation, range, "the mirror session is over");
}
