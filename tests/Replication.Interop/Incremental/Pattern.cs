namespace Replication.Interop.Incremental;

/// <summary>A run of equal bytes that a guest writes.</summary>
internal readonly record struct Pattern(byte Value, long OffsetBytes, int LengthBytes)
{
    private const int KiB = 1 << 10;
    private const int MiB = 1 << 20;

    /// <summary>What the disk holds before the first backup.</summary>
    public static Pattern[] First { get; } = [new(0x41, 0, 512), new(0xd5, MiB, 32 * KiB), new(0xdc, 32 * MiB, 124 * KiB)];

    public static Pattern[] BatchA { get; } = [new(0xab, 0, 512), new(0xfe, 16 * MiB, 256 * KiB), new(0x64, 32736 * KiB, 64 * KiB)];

    public static Pattern[] BatchB { get; } = [new(0x9a, 0, 512), new(0x55, 8 * MiB, 352 * KiB), new(0x78, 15872 * KiB, MiB)];
}
