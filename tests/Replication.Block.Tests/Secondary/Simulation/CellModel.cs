using System.Buffers.Binary;

namespace Replication.Block.Tests.Secondary.Simulation;

/// <summary>What each cell of a disk may hold; a cell is 512 bytes of one tag, repeated.</summary>
internal sealed class CellModel
{
    private readonly HashSet<int>[] _cells;

    public CellModel() => _cells = [.. Enumerable.Range(0, SimulatedGroup.Cells).Select(_ => new HashSet<int> { 0 })];

    private CellModel(IEnumerable<HashSet<int>> cells) => _cells = [.. cells.Select(cell => new HashSet<int>(cell))];

    public HashSet<int> this[int cell] => _cells[cell];

    public CellModel Clone() => new(_cells);

    /// <summary>The tag may be there from now on.</summary>
    public void May(Run run)
    {
        for (int cell = run.First; cell < run.End; cell++)
            _cells[cell].Add(run.Tag);
    }

    /// <summary>The tag is there, and nothing else can be.</summary>
    public void Must(Run run)
    {
        for (int cell = run.First; cell < run.End; cell++)
            _cells[cell] = [run.Tag];
    }

    public void Check(ReadOnlySpan<byte> content, int firstCell, string what)
    {
        for (int i = 0; i < content.Length / SimulatedGroup.CellBytes; i++)
        {
            int tag = TagOf(content.Slice(i * SimulatedGroup.CellBytes, SimulatedGroup.CellBytes), what, firstCell + i);
            if (!_cells[firstCell + i].Contains(tag))
                Assert.Fail($"{what}: cell {firstCell + i} (block {(firstCell + i) / 8}) holds {tag}, allowed are {string.Join(", ", _cells[firstCell + i])}");
        }
    }

    public static int TagOf(ReadOnlySpan<byte> cell, string what = "", int index = 0)
    {
        int tag = BinaryPrimitives.ReadInt32LittleEndian(cell);
        for (int i = 4; i < cell.Length; i += 4)
        {
            if (BinaryPrimitives.ReadInt32LittleEndian(cell[i..]) != tag)
                Assert.Fail($"{what}: cell {index} is torn");
        }

        return tag;
    }
}

/// <summary>Adjacent cells that one request writes or reads.</summary>
internal readonly record struct Run(int Disk, int First, int Count, int Tag)
{
    public int End => First + Count;

    public BlockRange Range => new((long)First * SimulatedGroup.CellBytes, (long)Count * SimulatedGroup.CellBytes);

    public bool Overlaps(Run other) => Disk == other.Disk && First < other.End && other.First < End;

    public byte[] Content()
    {
        byte[] content = new byte[Count * SimulatedGroup.CellBytes];
        for (int i = 0; i < content.Length; i += 4)
            BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(i), Tag);
        return content;
    }
}
