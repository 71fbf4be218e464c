namespace Replication.Jobs.Graph;

/// <summary>A node as it is now.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Driver">QEMU's name of what it is.</param>
/// <param name="Target">The path or address that it leads to.</param>
/// <param name="LengthBytes">As its users see it.</param>
/// <param name="IsReadOnly">It takes no writes.</param>
/// <param name="Backing">The node below it; null: none that has a name.</param>
public sealed record GraphNodeInfo(string Name, string Driver, string Target, long LengthBytes, bool IsReadOnly, string? Backing);
