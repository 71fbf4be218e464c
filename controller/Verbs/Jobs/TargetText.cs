namespace Replication.Controller.Verbs.Jobs;

/// <summary>What a backup may be written to, as far as coloctl can tell.</summary>
internal static class TargetText
{
    /// <summary>Null: it may be one. A relative path would be the node's, from wherever that was started.</summary>
    public static string? Refuse(string target) =>
        target.StartsWith('/') || target.Contains("://", StringComparison.Ordinal)
            ? null
            : $"target '{target}' is a relative path, and the file is the node's, not coloctl's: give an absolute path, or an nbd:// address";
}
