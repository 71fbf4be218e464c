using Replication.Block;
using Replication.Nbd;

namespace Replication.Simulation.Jobs;

/// <summary>A client of a fleecing export, as its server sees one: it is waited for when the export is withdrawn.</summary>
internal sealed class FleeceReader(NbdExport export) : IExportUser
{
    private readonly TaskCompletionSource _completion = new();
    private bool _isRevoked;

    public Task Completion => _completion.Task;

    public void Revoke(NbdCloseReason reason) => _isRevoked = true;

    /// <summary>Reads one range after the other, and tells of each. Somebody may withdraw the export in between.</summary>
    public async Task ReadAsync(IReadOnlyList<BlockRange> ranges, bool givesBack, Action<long, byte[], BlockException?> hasRead)
    {
        if (export.TryAttach(this) is not null)
            return;
        foreach (BlockRange range in ranges.TakeWhile(_ => !_isRevoked))
        {
            byte[] buffer = new byte[range.LengthBytes];
            Array.Fill(buffer, (byte)0xDB);
            BlockException? failure = null;
            try
            {
                await export.Node.ReadAsync(range.OffsetBytes, buffer);
            }
            catch (BlockException e)
            {
                failure = e;
            }

            hasRead(range.OffsetBytes, buffer, failure);
            if (givesBack && !_isRevoked)
                await GiveBackAsync(range);
        }

        export.Detach(this);
        _completion.SetResult();
    }

    // A target that takes no trim is the target's affair.
    private async Task GiveBackAsync(BlockRange range)
    {
        try
        {
            await export.Node.DiscardAsync(range, WriteFlags.None);
        }
        catch (BlockException)
        {
            return;
        }
    }
}
