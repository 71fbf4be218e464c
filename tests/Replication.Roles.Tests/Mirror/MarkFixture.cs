using Replication.Block;
using Replication.Block.Dirty;
using Replication.Block.State;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>A primary's data path in virtual time, with marks, cleaner and copier.</summary>
internal sealed class MarkFixture : IAsyncDisposable
{
    public const int Block = 4096;

    private MarkFixture(MirrorFixture mirror, MemoryNode file, DirtyMarks marks, MarkedDisk disk, bool durable)
    {
        Mirror = mirror;
        File = file;
        Marks = marks;
        Disk = disk;
        Cleaner = new MarkCleaner(mirror.Session, [disk], durable, mirror.Time);
        Copier = new MarkCopier(mirror.Session, [disk], mirror.Time);
    }

    public MirrorFixture Mirror { get; }

    /// <summary>The marks' file.</summary>
    public MemoryNode File { get; }

    public DirtyMarks Marks { get; }

    public MarkedDisk Disk { get; }

    public MarkCleaner Cleaner { get; }

    public MarkCopier Copier { get; }

    public static async Task<MarkFixture> AttachedAsync(
        MirrorSessionOptions? options = null,
        long lengthBytes = 64 << 20,
        Func<BlockNode, BlockNode>? local = null,
        Func<BlockNode, BlockNode>? peer = null,
        bool durable = false)
    {
        var mirror = new MirrorFixture(options, lengthBytes, local, peer);
        var file = new MemoryNode(PersistentBitmap.FileBytes(lengthBytes, Block), "disk0.dirty");
        var marks = new DirtyMarks(await PersistentBitmap.CreateAllocatedAsync(file, lengthBytes, Block), lengthBytes);
        await mirror.Quorum.MarkAsync(marks);
        var disk = new MarkedDisk(mirror.Local, mirror.Quorum, marks, mirror.Link, await marks.BeginSessionAsync(copyMarked: false));
        await mirror.Quorum.AddChildAsync(mirror.Link, mirror.Link);
        return new MarkFixture(mirror, file, marks, disk, durable);
    }

    /// <summary>Marked blocks as a restart finds them.</summary>
    public async Task<long[]> InFileAsync()
    {
        PersistentBitmap loaded = await PersistentBitmap.LoadAsync(File, Mirror.LocalDisk.LengthBytes, Block);
        return [.. Enumerable.Range(0, (int)loaded.Bits.LengthBits).Where(bit => loaded.Bits[bit]).Select(bit => (long)bit)];
    }

    /// <summary>Just these blocks are marked in the file.</summary>
    public async Task AssertMarkedAsync(params long[] blocks) => Xunit.Assert.Equal(blocks, await InFileAsync());

    public async ValueTask DisposeAsync()
    {
        Cleaner.End();
        Copier.End();
        await Mirror.DisposeAsync();
        await Marks.DisposeAsync();
    }
}
