using Replication.Block.State;

namespace Replication.Roles;

/// <summary>
/// The life cycles of both roles as data: which stage may follow which, and which verb a stage takes. A verb that is not listed is refused with a line that
/// names stage and verb; <c>failover</c> on a node that has already failed over is listed, because repeating it succeeds with the same generation.
/// </summary>
/// <remarks>
/// <code>
/// primary    standalone -> syncing -> replicating -> detached -> syncing …       secondary  none -> syncing -> running -> failover -> done
///            detached -> resyncing -> replicating                                           running -> syncing (view given up)
///            replicating -> stopped -> syncing                                              running -> stopped -> syncing
///            any -> fenced, any but fenced -> standalone (failover)                         failover -> failover-failed -> failover
///            fenced -> standalone (start that discards a lost promotion)                    any with overlays, stopped -> inconsistent (reboot)
/// </code>
/// </remarks>
internal static class StageTable
{
    private static readonly Dictionary<(NodeRole Role, NodeStage Stage), (NodeStage[] Next, Verb[] Verbs)> s_rows = new()
    {
        [(NodeRole.Primary, NodeStage.Standalone)] = (
            [NodeStage.Syncing, NodeStage.Waiting, NodeStage.Fenced], [Verb.Start, Verb.Failover, Verb.Checkpoint, Verb.Hold]),
        [(NodeRole.Primary, NodeStage.Waiting)] =
            (
                [NodeStage.Syncing, NodeStage.Detached, NodeStage.Standalone, NodeStage.Stopped, NodeStage.Fenced],
                [Verb.Start, Verb.Resync, Verb.Failover, Verb.Hold]),
        [(NodeRole.Primary, NodeStage.Syncing)] =
            (
                [NodeStage.Replicating, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Detached, NodeStage.Stopped, NodeStage.Fenced],
                [Verb.Failover, Verb.Hold]),
        [(NodeRole.Primary, NodeStage.Replicating)] =
            ([NodeStage.Detached, NodeStage.Stopped, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Fenced],
             [Verb.BeginCheckpoint, Verb.Checkpoint, Verb.Stop, Verb.Failover, Verb.Hold, Verb.Resync, Verb.Verify]),
        [(NodeRole.Primary, NodeStage.Detached)] =
            ([NodeStage.Syncing, NodeStage.Resyncing, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Fenced],
             [Verb.Start, Verb.Resync, Verb.Failover, Verb.Checkpoint, Verb.Hold]),
        [(NodeRole.Primary, NodeStage.Resyncing)] =
            ([NodeStage.Replicating, NodeStage.Detached, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Fenced],
             [Verb.Start, Verb.Resync, Verb.Failover, Verb.Checkpoint, Verb.Hold]),
        [(NodeRole.Primary, NodeStage.Stopped)] =
            ([NodeStage.Syncing, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Fenced], [Verb.Start, Verb.Failover, Verb.Hold]),
        [(NodeRole.Primary, NodeStage.Fenced)] = ([NodeStage.Standalone], [Verb.Hold]),

        [(NodeRole.Secondary, NodeStage.None)] = ([NodeStage.Syncing], [Verb.Start, Verb.AttachMirror]),
        [(NodeRole.Secondary, NodeStage.Syncing)] = (
            [NodeStage.Running, NodeStage.None, NodeStage.Stopped], [Verb.Start, Verb.AttachMirror, Verb.CommitCheckpoint]),
        [(NodeRole.Secondary, NodeStage.Running)] =
            (
                [NodeStage.Failover, NodeStage.Stopped, NodeStage.Inconsistent, NodeStage.Syncing],
                [Verb.Start, Verb.AttachMirror, Verb.Checkpoint, Verb.CommitCheckpoint, Verb.Failover]),
        [(NodeRole.Secondary, NodeStage.Inconsistent)] = ([NodeStage.Syncing], [Verb.Start, Verb.AttachMirror]),
        [(NodeRole.Secondary, NodeStage.Failover)] = ([NodeStage.Done, NodeStage.FailoverFailed, NodeStage.Inconsistent], [Verb.Failover]),
        [(NodeRole.Secondary, NodeStage.FailoverFailed)] = ([NodeStage.Failover, NodeStage.Inconsistent], [Verb.Failover]),
        [(NodeRole.Secondary, NodeStage.Done)] = ([], [Verb.Failover]),
        [(NodeRole.Secondary, NodeStage.Stopped)] = ([NodeStage.Syncing, NodeStage.Inconsistent], [Verb.Start, Verb.AttachMirror]),
    };

    /// <summary>Every stage of a role.</summary>
    public static IEnumerable<NodeStage> StagesOf(NodeRole role) => s_rows.Keys.Where(key => key.Role == role).Select(key => key.Stage);

    public static bool MayFollow(NodeRole role, NodeStage from, NodeStage to) => Row(role, from).Next.Contains(to);

    public static bool Takes(NodeRole role, NodeStage stage, Verb verb) => Row(role, stage).Verbs.Contains(verb);

    /// <summary>Refuses a verb that the stage does not take.</summary>
    /// <exception cref="VerbException">With <see cref="VerbFailure.Refused"/>; names role, stage and verb.</exception>
    public static void Check(NodeRole role, NodeStage stage, Verb verb)
    {
        if (!Takes(role, stage, verb))
            throw new VerbException(VerbFailure.Refused, $"{NameOf(verb)} is refused: the {NameOf(role)} is {NameOf(stage)}{Advice(role, stage)}");
    }

    /// <summary>The contract's name of a stage.</summary>
    public static string NameOf(NodeStage stage) => stage switch
    {
        NodeStage.FailoverFailed => "failover-failed",
        _ => stage.ToString().ToLowerInvariant(),
    };

    public static string NameOf(NodeRole role) => role.ToString().ToLowerInvariant();

    public static string NameOf(Verb verb) => verb switch
    {
        Verb.Start => "start",
        Verb.Checkpoint or Verb.BeginCheckpoint or Verb.CommitCheckpoint => "checkpoint",
        Verb.Stop => "stop",
        Verb.Failover => "failover",
        Verb.AttachMirror => "attaching a mirror",
        Verb.Resync => "resync",
        Verb.Verify => "verify",
        _ => "hold",
    };

    private static string Advice(NodeRole role, NodeStage stage) => (role, stage) switch
    {
        (NodeRole.Primary, NodeStage.Standalone or NodeStage.Stopped) or (NodeRole.Secondary, NodeStage.None) => "; run start first",
        (NodeRole.Primary, NodeStage.Detached) => "; run resync first",
        (NodeRole.Primary, NodeStage.Replicating) => " already",
        (NodeRole.Primary, NodeStage.Waiting) => "; it waits for its peer to confirm its generation",
        (NodeRole.Primary, NodeStage.Fenced) => "; its peer has been promoted, a newer generation is in force",
        (NodeRole.Primary, NodeStage.Resyncing) => "; wait until resync has returned",
        (NodeRole.Primary, NodeStage.Syncing) or (NodeRole.Secondary, NodeStage.Syncing) => "; wait until start has returned",
        (NodeRole.Secondary, NodeStage.Failover or NodeStage.FailoverFailed or NodeStage.Done) => "; it has been promoted",
        (NodeRole.Secondary, NodeStage.Stopped) => "; replication has ended in order, and its disk is what the primary's was then",
        (NodeRole.Secondary, NodeStage.Inconsistent) => "; its overlays cannot be trusted, run start",
        _ => "",
    };

    private static (NodeStage[] Next, Verb[] Verbs) Row(NodeRole role, NodeStage stage) =>
        s_rows.TryGetValue((role, stage), out var row) ? row : throw new InvalidOperationException($"a {NameOf(role)} has no stage {NameOf(stage)}");
}
