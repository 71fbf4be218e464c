using Replication.Block;
using Replication.Block.Dirty;
using Replication.Block.Quorums;

namespace Replication.Roles.Mirror;

/// <summary>One disk of a session with its marks.</summary>
/// <param name="Local">The primary disk.</param>
/// <param name="Quorum">The quorum above it.</param>
/// <param name="Marks">The disk's marks.</param>
/// <param name="Link">The session's way to the secondary.</param>
/// <param name="Session">The marks' number of the session.</param>
internal sealed record MarkedDisk(BlockNode Local, Quorum Quorum, DirtyMarks Marks, MirrorLink Link, long Session);
