using System.Collections.Concurrent;

namespace Replication.Jobs.Backup;

/// <summary>Memory for copies, kept for the next one. As many exist as copies were ever under way at once.</summary>
/// <param name="lengthBytes">The longest piece that is copied at once.</param>
internal sealed class CopyBuffers(int lengthBytes)
{
    private readonly ConcurrentBag<byte[]> _free = [];

    public int LengthBytes => lengthBytes;

    public byte[] Rent() => _free.TryTake(out byte[]? buffer) ? buffer : GC.AllocateUninitializedArray<byte>(lengthBytes, pinned: true);

    public void Return(byte[] buffer) => _free.Add(buffer);
}
