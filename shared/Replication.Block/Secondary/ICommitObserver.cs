namespace Replication.Block.Secondary;

/// <summary>Told of an active commit by the commit itself, one call after the other.</summary>
public interface ICommitObserver
{
    /// <summary>So much is to go into the secondary disks; whole blocks.</summary>
    void Begun(long lengthBytes);

    /// <summary>So much more is there.</summary>
    void Advanced(long lengthBytes);

    /// <summary>The overlays hold nothing, and never will again; the layers go when this completes.</summary>
    Task ReadyAsync();
}
