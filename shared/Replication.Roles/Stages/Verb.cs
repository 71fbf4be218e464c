namespace Replication.Roles;

/// <summary>The verbs whose permission depends on the stage.</summary>
internal enum Verb
{
    Start,
    Checkpoint,
    BeginCheckpoint,
    CommitCheckpoint,
    Stop,
    Failover,
    AttachMirror,
    Hold,
    Resync,
    Verify,
}
