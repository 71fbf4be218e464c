namespace Replication.Jobs;

/// <summary>What may be asked of a job; QEMU's verbs.</summary>
public enum JobVerb
{
    Cancel,
    Pause,
    Resume,
    SetSpeed,
    Complete,
    Finalize,
    Dismiss,
}
