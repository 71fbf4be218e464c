using static Replication.Jobs.JobStatus;

namespace Replication.Jobs;

/// <summary>The life of a job as data: which status may follow which, and which verbs each one takes. QEMU's tables.</summary>
/// <remarks>
/// <code>
/// created -> running -> waiting -> pending -> concluded -> null        running &lt;-> paused, ready &lt;-> standby
///            running -> ready -> waiting                               any from created to pending -> aborting -> concluded
/// </code>
/// </remarks>
internal static class JobTable
{
    private static readonly Dictionary<JobStatus, JobStatus[]> s_next = new()
    {
        [Undefined] = [Created],
        [Created] = [Running, Aborting, Null],
        [Running] = [Paused, Ready, Waiting, Aborting],
        [Paused] = [Running],
        [Ready] = [Standby, Waiting, Aborting],
        [Standby] = [Ready],
        [Waiting] = [Pending, Aborting],
        [Pending] = [Aborting, Concluded],
        [Aborting] = [Aborting, Concluded],
        [Concluded] = [Null],
        [Null] = [],
    };

    private static readonly Dictionary<JobVerb, JobStatus[]> s_verbs = new()
    {
        [JobVerb.Cancel] = [Created, Running, Paused, Ready, Standby, Waiting, Pending],
        [JobVerb.Pause] = [Created, Running, Paused, Ready, Standby],
        [JobVerb.Resume] = [Created, Running, Paused, Ready, Standby],
        [JobVerb.SetSpeed] = [Created, Running, Paused, Ready, Standby],
        [JobVerb.Complete] = [Ready],
        [JobVerb.Finalize] = [Pending],
        [JobVerb.Dismiss] = [Concluded],
    };

    public static bool MayFollow(JobStatus from, JobStatus to) => s_next[from].Contains(to);

    public static bool Takes(JobStatus status, JobVerb verb) => s_verbs[verb].Contains(status);
}
