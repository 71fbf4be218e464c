using Replication.Block;
using Replication.Simulation.Storage;

namespace Replication.Simulation.CrashPoints;

/// <summary>The bytes of one file or disk in the making of an outcome.</summary>
internal sealed class FileImage(string name, Medium source)
{
    private byte[] _content = [];
    private bool[] _allocated = [];

    public string Name => name;

    public Medium Source => source;

    public ReadOnlySpan<byte> Content => _content;

    /// <summary>Begins anew, with everything that has landed.</summary>
    public void Reset()
    {
        _content = (byte[])source.Content.Clone();
        _allocated = source.Allocation();
    }

    public Medium ToMedium(string asName) => new(asName, _content, _allocated);

    /// <summary>A sector as it once was.</summary>
    public void Put(int sector, UnflushedSectors.Version version)
    {
        version.Content.CopyTo(_content, sector * Medium.SectorBytes);
        _allocated[sector] = version.IsAllocated;
    }

    /// <summary>A part of a write that was under way.</summary>
    public void Put(Medium.PendingWrite write, BlockRange part)
    {
        Span<byte> target = _content.AsSpan((int)part.OffsetBytes, (int)part.LengthBytes);
        if (write.Data.IsEmpty)
            target.Clear();
        else
            write.Data.Span.Slice((int)(part.OffsetBytes - write.Range.OffsetBytes), target.Length).CopyTo(target);
        int sector = (int)(part.OffsetBytes / Medium.SectorBytes);
        bool whole = part.OffsetBytes % Medium.SectorBytes == 0 && (part.LengthBytes == Medium.SectorBytes || part.EndBytes == _content.Length);
        _allocated[sector] = !write.Unmaps || (_allocated[sector] && !whole);
    }
}
