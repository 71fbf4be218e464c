namespace Replication.Jobs.Fleecing;

/// <summary>The rules of a fleecing export's arguments that need nothing but them.</summary>
internal static class FleeceRules
{
    /// <exception cref="JobException">They cannot be.</exception>
    public static void Check(FleeceCommand command)
    {
        if (command.QuotaBytes != 0 && command.QuotaBytes < Limits.ClusterBytes)
            throw Invalid($"a quota of {command.QuotaBytes} bytes is less than what is copied at once, {Limits.ClusterBytes} bytes; give 0, or more");
        if (command.CbwTimeout < TimeSpan.Zero)
            throw Invalid("a cbw-timeout must be 0, for no limit, or more");
        CheckLease(command.Lease);
    }

    /// <exception cref="JobException">It cannot be.</exception>
    public static void CheckLease(TimeSpan lease)
    {
        if (lease < TimeSpan.Zero || lease > Limits.LongestFleeceLease)
            throw Invalid($"a lease must be 0, for none, or {Limits.LongestFleeceLease.TotalDays:0} days at most");
    }

    private static JobException Invalid(string message) => new(JobErrorClass.GenericError, message) { Kind = JobErrorKind.Invalid };
}
