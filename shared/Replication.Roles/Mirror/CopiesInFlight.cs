using System.Buffers;
using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>The copies of a pass that are unanswered, each with its buffer, in the order in which they were begun. Used by one pass.</summary>
/// <param name="copy">Copies a range with the help of a buffer, which is its own until it has ended; returns the bytes that were sent.</param>
internal sealed class CopiesInFlight(Func<BlockRange, Memory<byte>, ValueTask<long>> copy)
{
    private readonly Queue<(ValueTask<long> Copy, byte[] Buffer)> _copies = new();

    /// <summary>Bytes that were sent and answered, zeroing included.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Begins the copy of a range.</summary>
    public void Begin(BlockRange range, int bufferBytes)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(bufferBytes);
        _copies.Enqueue((copy(range, buffer.AsMemory(0, bufferBytes)), buffer));
    }

    /// <summary>Waits until so many are left at most, the oldest first.</summary>
    /// <param name="allowed">How many.</param>
    /// <param name="answered">Called with each one's bytes.</param>
    public async Task DrainAsync(int allowed, Action<long>? answered = null)
    {
        bool waited = _copies.Count > allowed;
        while (_copies.Count > allowed)
        {
            (ValueTask<long> oldest, byte[] buffer) = _copies.Dequeue();
            try
            {
                long sentBytes = await oldest;
                SentBytes += sentBytes;
                answered?.Invoke(sentBytes);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        // A copy's answer arrives on the mirror's receive thread: the next read of the disk must not keep that one from its replies.
        if (waited)
            await Task.Yield();
    }

    /// <summary>The pass has failed. The copies' own failures are the session's; they are only waited for, so that no buffer is in use any more.</summary>
    public async Task SettleAsync()
    {
        while (_copies.TryDequeue(out (ValueTask<long> Copy, byte[] Buffer) left))
        {
            try
            {
                await left.Copy;
            }
            catch (BlockException)
            {
                // Reported with the session's loss.
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(left.Buffer);
            }
        }
    }
}
