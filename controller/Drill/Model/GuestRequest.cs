using Replication.Block;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Model;

/// <summary>
/// One request of a guest, from the moment at which it is about to be sent. Fields that are set after construction are guarded by the model's lock.
/// </summary>
internal sealed class GuestRequest(NodeSide guest, int disk, RequestKind kind, BlockRange range, Memory<byte> buffer)
{
    public NodeSide Guest { get; } = guest;
    public int Disk { get; } = disk;
    public RequestKind Kind { get; } = kind;
    public BlockRange Range { get; } = range;

    /// <summary>What is written (zeroes for zeroing and trim), or where a read lands. Belongs to the guest; kept by nobody after the request's end.</summary>
    public Memory<byte> Buffer { get; } = buffer;

    public bool Changes => Kind is RequestKind.Write or RequestKind.Zero or RequestKind.Trim;

    /// <summary>The model's clock when it was about to be sent.</summary>
    public long Sent { get; set; }

    /// <summary>The model's clock when its reply had come; never, until then.</summary>
    public long Acknowledged { get; set; } = long.MaxValue;

    /// <summary>Set while a checkpoint has left open on which side of it this request is.</summary>
    public EitherOr? Cut { get; set; }

    /// <summary>A read of the secondary's guest that meets a checkpoint: what it returns if it is before; null where even that is open.</summary>
    public byte[]? ViewBefore { get; set; }

    /// <summary>How many checkpoints this request was in flight with.</summary>
    public int Checkpoints { get; set; }

    public bool Overlaps(GuestRequest other) => Disk == other.Disk && Range.Overlaps(other.Range);
}
