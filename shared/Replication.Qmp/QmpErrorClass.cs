namespace Replication.Qmp;

/// <summary>QEMU's classes of error; programs tell errors apart by them, the text is for people.</summary>
public enum QmpErrorClass
{
    /// <summary>Everything that has no class of its own.</summary>
    GenericError,

    /// <summary>No such command, or not now.</summary>
    CommandNotFound,

    /// <summary>No disk or node of that name.</summary>
    DeviceNotFound,

    /// <summary>No job of that name.</summary>
    DeviceNotActive,

    /// <summary>Never ours; here so that the list is whole.</summary>
    KVMMissingCap,
}
