namespace Replication.Jobs.Targets;

/// <summary>What is going to be written, which decides what a target that was left incomplete is still good for.</summary>
public enum TargetUse
{
    /// <summary>All of the disk: whatever the target held does not matter.</summary>
    Whole,

    /// <summary>Some of it, on top of what an existing target holds, which therefore has to be complete.</summary>
    Part,

    /// <summary>The old content for readers, for as long as they want it: it is never complete, and says nothing about it.</summary>
    Scratch,
}
