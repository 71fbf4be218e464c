using Replication.Block;
using Replication.Simulation.Model;

namespace Replication.Simulation.Cluster;

/// <summary>One request of a guest, and what the models think of it.</summary>
internal sealed class GuestOperation
{
    public required long Id { get; init; }

    public required SimulatedHost Host { get; init; }

    public required int Disk { get; init; }

    public required BlockOperation Kind { get; init; }

    public required BlockRange Range { get; init; }

    public required long IssuedAt { get; init; }

    /// <summary>What it writes; null for reads and flushes.</summary>
    public byte[]? Bytes { get; init; }

    /// <summary>Where it was begun; not certain: the model may be of an epoch that it came before.</summary>
    public List<(ByteModel Model, ByteModel.Alternative Write, bool IsCertain)> Writes { get; } = [];

    public List<(ByteModel Model, ByteModel.Reading Reading)> Reads { get; } = [];

    /// <summary>What a flush will have made safe.</summary>
    public List<(ByteModel Model, ByteModel? Safe)> Flushes { get; } = [];

    public WriteFlags Flags { get; set; }

    /// <summary>Flushes that the other host's disk had seen when this one was sent; -1: nothing is promised about it.</summary>
    public long PeerFlushes { get; init; } = -1;

    /// <summary>Something may hold it up for longer than the mirror may: a promotion, a restart, a stopped process.</summary>
    public bool MayTakeLong { get; set; }

    /// <summary>For how long somebody else than the mirror may have held it: a checkpoint, a verify.</summary>
    public long HeldTicks { get; set; }

    public override string ToString() => $"{Host.Name} #{Id} {Kind} disk{Disk} {Range}";
}
