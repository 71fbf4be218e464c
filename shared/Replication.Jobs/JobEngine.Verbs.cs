namespace Replication.Jobs;

// What people ask for.
public sealed partial class JobEngine
{
    /// <summary>
    /// The job, and all of its transaction, end with <c>ECANCELED</c>; returns before they have. A target that does not answer is cut off after a while.
    /// </summary>
    /// <exception cref="JobException">There is no such job, or it does not take the verb now; as with every verb.</exception>
    public void Cancel(string id) => Ask(id, JobVerb.Cancel, (job, wakeUps) =>
    {
        if (job.Transaction!.IsDecided)
            throw Refused($"job '{id}' has succeeded and is being finalized; it cannot be cancelled any more");
        Cancel(job, wakeUps);
        BeginPatience(job, wakeUps);
    });

    /// <summary>The job stands still from its next pause point on.</summary>
    public void Pause(string id) => Ask(id, JobVerb.Pause, (job, wakeUps) =>
    {
        if (job.IsPausedByUser)
            throw Refused($"job '{id}' is paused already; resume it first");
        PauseForUser(job);
        // One that is ready rests; it goes on to its pause point.
        Wake(job, wakeUps);
    });

    public void Resume(string id) => Ask(id, JobVerb.Resume, (job, wakeUps) =>
    {
        if (!job.IsPausedByUser)
            throw Refused($"job '{id}' is not paused");
        job.IsPausedByUser = false;
        job.IoStatus = IoStatus.Ok;
        if (--job.Pauses == 0)
            Wake(job, wakeUps);
    });

    /// <param name="id">The job.</param>
    /// <param name="bytesPerSecond">0: no limit.</param>
    public void SetSpeed(string id, long bytesPerSecond) => Ask(id, JobVerb.SetSpeed, (job, _) =>
    {
        CheckSpeed(bytesPerSecond);
        job.Rate.BytesPerSecond = bytesPerSecond;
    });

    /// <summary>A job that is ready ends.</summary>
    public void Complete(string id) => Ask(id, JobVerb.Complete, (job, wakeUps) =>
    {
        if (job.Pauses > 0)
            throw Refused($"job '{id}' is paused; resume it first");
        job.IsAskedToComplete = true;
        Wake(job, wakeUps);
    });

    /// <summary>What the jobs of its transaction did becomes visible; returns before it is.</summary>
    public void Finalize(string id) => Ask(id, JobVerb.Finalize, (job, wakeUps) =>
    {
        if (job.Transaction!.IsFinalizing)
            throw Refused($"job '{id}' is being finalized already");
        Finalize(job.Transaction, wakeUps);
    });

    /// <summary>A concluded job leaves the list.</summary>
    public void Dismiss(string id) => Ask(id, JobVerb.Dismiss, (job, _) => Remove(job));

    private void Ask(string id, JobVerb verb, Action<Job, List<Action>> act)
    {
        List<Action> wakeUps = [];
        lock (_sync)
        {
            Job job = _jobs.Find(job => job.Options.Id == id) ?? throw new JobException(JobErrorClass.DeviceNotActive, $"there is no job '{id}'");
            if (!JobTable.Takes(job.Status, verb))
                throw Refused($"{NameOf(verb)} is refused: job '{id}' is {job.Status.ToString().ToLowerInvariant()}");
            act(job, wakeUps);
        }

        _outbox.Tell();
        Run(wakeUps);
    }

    /// <summary>Call under the lock.</summary>
    private static void PauseForUser(Job job)
    {
        job.IsPausedByUser = true;
        job.Pauses++;
    }

    /// <summary>Call under the lock; whoever stands or rests goes on when the lock is free.</summary>
    private static void Wake(Job job, List<Action> wakeUps)
    {
        if (job.Resting is not { } resting)
            return;
        job.Resting = null;
        wakeUps.Add(resting.SetResult);
    }

    private static string NameOf(JobVerb verb) => verb == JobVerb.SetSpeed ? "set-speed" : verb.ToString().ToLowerInvariant();
}
