using Replication.Block;
using Xunit;

namespace Replication.Testing;

/// <summary>Comparisons that name the first byte that differs.</summary>
public static class BlockAssert
{
    private const int PieceBytes = 1 << 20;

    /// <summary>Compares every byte; <paramref name="baseOffsetBytes"/> is where the spans lie on their disk.</summary>
    public static void Equal(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, long baseOffsetBytes = 0)
    {
        if (expected.Length != actual.Length)
            Assert.Fail($"length {actual.Length}, expected {expected.Length}");
        int same = expected.CommonPrefixLength(actual);
        if (same < expected.Length)
            Assert.Fail($"first difference at offset {baseOffsetBytes + same}: 0x{actual[same]:x2}, expected 0x{expected[same]:x2}");
    }

    /// <inheritdoc cref="Equal(ReadOnlySpan{byte}, ReadOnlySpan{byte}, long)"/>
    public static void Equal(byte[] expected, byte[] actual) => Equal(expected.AsSpan(), actual.AsSpan());

    /// <summary>Reads the range into poisoned memory and compares every byte with <paramref name="expected"/>.</summary>
    public static async Task ContentAsync(BlockNode node, long offsetBytes, ReadOnlyMemory<byte> expected)
    {
        byte[] actual = Poison.Buffer(expected.Length);
        await node.ReadAsync(offsetBytes, actual);
        Equal(expected.Span, actual, offsetBytes);
    }

    /// <summary>Every byte of the range is <paramref name="expected"/>.</summary>
    public static async Task FilledAsync(BlockNode node, BlockRange range, byte expected)
    {
        byte[] piece = Poison.Buffer((int)Math.Min(PieceBytes, range.LengthBytes));
        for (long offset = range.OffsetBytes; offset < range.EndBytes; offset += piece.Length)
        {
            Memory<byte> part = piece.AsMemory(0, (int)Math.Min(piece.Length, range.EndBytes - offset));
            part.Span.Fill(unchecked((byte)~expected));
            await node.ReadAsync(offset, part);
            int same = part.Span.IndexOfAnyExcept(expected);
            if (same >= 0)
                Assert.Fail($"{node.Name}: first difference at offset {offset + same}: 0x{part.Span[same]:x2}, expected 0x{expected:x2}");
        }
    }

    /// <summary>Two disks hold the same bytes.</summary>
    public static async Task SameAsync(BlockNode expected, BlockNode actual)
    {
        Assert.Equal(expected.LengthBytes, actual.LengthBytes);
        byte[] left = Poison.Buffer(PieceBytes);
        byte[] right = new byte[PieceBytes];
        for (long offset = 0; offset < expected.LengthBytes; offset += PieceBytes)
        {
            int lengthBytes = (int)Math.Min(PieceBytes, expected.LengthBytes - offset);
            await expected.ReadAsync(offset, left.AsMemory(0, lengthBytes));
            await actual.ReadAsync(offset, right.AsMemory(0, lengthBytes));
            Equal(left.AsSpan(0, lengthBytes), right.AsSpan(0, lengthBytes), offset);
        }
    }

    /// <summary>The task fails with a <see cref="BlockException"/>, inside the task.</summary>
    public static async Task<BlockException> FailsAsync(ValueTask task) => await Assert.ThrowsAsync<BlockException>(async () => await task);

    /// <summary>The task fails with a <see cref="BlockException"/> of that kind, inside the task.</summary>
    public static async Task<BlockException> FailsAsync(BlockErrorKind kind, ValueTask task)
    {
        BlockException error = await FailsAsync(task);
        Assert.Equal(kind, error.Kind);
        return error;
    }
}
