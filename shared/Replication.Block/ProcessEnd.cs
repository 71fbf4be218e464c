using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Replication.Block;

/// <summary>How a node ends itself at once, without closing anything: where going on would be worse than what a restart finds.</summary>
/// <remarks>
/// A simulator has many nodes in one process. On its thread such an end is an exception of its own,
/// which it follows by never running anything of that node again.
/// </remarks>
public static class ProcessEnd
{
    [ThreadStatic]
    private static Func<string, Exception?, Exception>? t_instead;

    /// <summary>Ends the process with <paramref name="message"/>.</summary>
    [DoesNotReturn]
    [StackTraceHidden]
    public static void FailFast(string message, Exception? cause = null)
    {
        if (t_instead is { } instead)
            throw instead(message, cause);
        Environment.FailFast(message, cause);
    }

    /// <summary>On this thread, from here on: what is thrown instead; null ends processes again.</summary>
    internal static void Replace(Func<string, Exception?, Exception>? instead) => t_instead = instead;
}
