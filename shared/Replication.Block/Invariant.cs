using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Replication.Block;

/// <summary>Always-on checks of what must hold whatever happens.</summary>
/// <remarks>
/// A broken invariant means that memory no longer says what is on the disks. Nothing that runs on in that state can be trusted, and every durable
/// structure of this project survives a kill at any instruction: so the process ends at once, and the restart begins from what is durable.
/// </remarks>
public static class Invariant
{
    /// <summary>Ends the process with <paramref name="message"/> unless <paramref name="condition"/> holds.</summary>
    [StackTraceHidden]
    public static void Check([DoesNotReturnIf(false)] bool condition, string message)
    {
        if (!condition)
            Broken(message);
    }

    /// <summary>Ends the process: for places that cannot be reached, and states that cannot be left.</summary>
    [DoesNotReturn]
    [StackTraceHidden]
    public static void Broken(string message, Exception? cause = null) => ProcessEnd.FailFast($"Broken invariant: {message}", cause);
}
