namespace Replication.Nbd;

/// <summary>How an export is taken away; the words are those of QEMU's <c>nbd-server-remove</c>.</summary>
public enum NbdRemoveMode
{
    /// <summary>Only if no client uses it.</summary>
    Safe,

    /// <summary>Its connections are closed.</summary>
    Hard,
}
