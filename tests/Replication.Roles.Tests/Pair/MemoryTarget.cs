using Replication.Block;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A target of a backup, in memory; what it holds stays when it is closed.</summary>
internal sealed class MemoryTarget(MemoryNode memory) : IBackupTarget
{
    public BlockNode Node => memory;

    public int ClusterBytes => 64 << 10;

    public string Identity => memory.Name;

    public ValueTask SealAsync() => default;

    public ValueTask DisposeAsync() => default;
}
