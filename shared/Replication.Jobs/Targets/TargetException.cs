namespace Replication.Jobs.Targets;

/// <summary>Why a target cannot be used.</summary>
public enum TargetTrouble
{
    /// <summary>It is not there.</summary>
    Missing,

    /// <summary>It is shorter or longer than the disk.</summary>
    WrongLength,

    NoPermission,

    /// <summary>Another program, or this node, uses it.</summary>
    InUse,

    UnknownFormat,

    /// <summary>The format, or this kind of target, does not have what was asked for.</summary>
    NotSupported,

    /// <summary>A program that this needs is not installed.</summary>
    ProgramMissing,

    /// <summary>An earlier backup has left it incomplete.</summary>
    Incomplete,

    /// <summary>An operation on it failed.</summary>
    Failed,
}

/// <summary>A target that cannot be used: one line that names it and says why.</summary>
internal sealed class TargetException(string target, TargetTrouble trouble, string reason, Exception? inner = null)
    : IOException($"target {target}: {reason}", inner)
{
    public TargetTrouble Trouble { get; } = trouble;

    public string Reason { get; } = reason;

    /// <summary>The two lengths, in one line.</summary>
    public static TargetException WrongLength(string target, long targetBytes, long diskBytes)
    {
        string how = targetBytes < diskBytes ? "too small" : "too large";
        return new TargetException(target, TargetTrouble.WrongLength, $"is {how}: it has {targetBytes} bytes, the disk has {diskBytes}");
    }
}
