using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Testing;

namespace Replication.Nbd.Tests.Contexts;

public class DirtyBitmapContextTests
{
    [Fact]
    public async Task Extents_say_of_every_byte_what_the_bitmap_says()
    {
        const int granule = 512, lengthBytes = 300 * granule - 100;
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 50; round++)
        {
            var bits = new BlockBitmap(300);
            for (int i = 0; i < 20; i++)
                bits.Set(random.Next(290), random.Next(1, 10));
            var context = new DirtyBitmapContext("b", bits, granule);
            int offset = random.Next(lengthBytes);
            BlockRange range = new(offset, random.Next(1, lengthBytes - offset + 1));
            for (BlockRange rest = range; !rest.IsEmpty;)
            {
                NbdExtent extent = await context.StatusAsync(rest);
                Assert.InRange(extent.LengthBytes, 1, rest.LengthBytes);
                for (long at = rest.OffsetBytes; at < rest.OffsetBytes + extent.LengthBytes; at++)
                    Assert.Equal(bits[at / granule], extent.Flags == 1);
                rest = BlockRange.FromBounds(rest.OffsetBytes + extent.LengthBytes, rest.EndBytes);
                Assert.True(rest.IsEmpty || bits[rest.OffsetBytes / granule] != (extent.Flags == 1), "an extent goes as far as it can");
            }
        }
    }

    [Fact]
    public async Task A_bitmap_that_changes_meanwhile_never_gives_an_extent_without_bytes()
    {
        var bits = new BlockBitmap(64);
        var context = new DirtyBitmapContext("b", bits, 512);
        bool ends = false;
        Task changes = Task.Run(() =>
        {
            while (!Volatile.Read(ref ends))
            {
                bits.Set(0, 64);
                bits.Clear(0, 64);
            }
        });
        for (int i = 0; i < 100_000; i++)
            Assert.InRange((await context.StatusAsync(new BlockRange(100, 4096))).LengthBytes, 412, 4096);
        Volatile.Write(ref ends, true);
        await changes;
    }
}
