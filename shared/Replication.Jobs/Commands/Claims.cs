namespace Replication.Jobs.Commands;

/// <summary>The disks and targets that jobs use, <c>waiting</c> ones included; each by one at a time. QEMU's operation blockers. Concurrent.</summary>
internal sealed class Claims
{
    private readonly HashSet<string> _claimed = []; // guarded by itself

    /// <param name="identity">What is used, underneath.</param>
    /// <param name="what">Its name, for the message.</param>
    /// <exception cref="JobException">A job uses it.</exception>
    public void Take(string identity, string what)
    {
        lock (_claimed)
        {
            if (!_claimed.Add(identity))
                throw new JobException(JobErrorClass.GenericError, $"{what} is busy: a job uses it; wait for its end, or cancel it");
        }
    }

    public void Give(string identity)
    {
        lock (_claimed)
            _claimed.Remove(identity);
    }
}
