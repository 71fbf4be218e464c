using Replication.Simulation.Storage;

namespace Replication.Simulation.Jobs;

/// <summary>What a backup writes to. It outlives the process that writes.</summary>
internal sealed class TargetFile(string name, long lengthBytes)
{
    public string Name => name;

    public Medium Medium { get; } = new(name, lengthBytes);

    /// <summary>It says that it is a whole backup.</summary>
    public bool IsSealed { get; private set; }

    /// <summary>It has failed or hung, or was about to, while somebody had it open.</summary>
    public bool HadTrouble { get; set; }

    /// <summary>It has not answered for a while: whoever cancels its job, or ends its node, may have cut it off.</summary>
    public bool HasHung { get; set; }

    public bool IsOpen { get; set; }

    public void Seal() => IsSealed = true;
}
