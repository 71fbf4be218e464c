namespace Replication.Block.State;

/// <summary>Tells one boot of the machine from another.</summary>
public static class BootId
{
    /// <summary>The kernel's random id of this boot.</summary>
    public static Guid Read() => Guid.Parse(File.ReadAllText("/proc/sys/kernel/random/boot_id"));
}
