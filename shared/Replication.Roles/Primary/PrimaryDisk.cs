using Replication.Block;
using Replication.Block.Quorums;
using Replication.Nbd;

namespace Replication.Roles.Primary;

/// <summary>One disk of a primary: the quorum over the local disk, and its guest export.</summary>
internal sealed record PrimaryDisk(string Name, BlockNode Local, Quorum Quorum, NbdExport Export);
