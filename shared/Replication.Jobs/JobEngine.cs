using Replication.Block;

namespace Replication.Jobs;

/// <summary>A node's jobs: their list, their verbs, and their transactions. Concurrent.</summary>
/// <remarks>
/// One lock guards every job's state; work, finalisation and observers run outside of it. Verbs is what people ask for, Work what the work of a job asks for,
/// Transactions how jobs end, Own how the node runs what nobody has asked for by a name.
/// </remarks>
public sealed partial class JobEngine
{
    private readonly Lock _sync = new();
    private readonly List<Job> _jobs = []; // guarded by _sync
    private long _created; // guarded by _sync
    private readonly JobOutbox _outbox;
    private readonly TimeProvider _time;
    private readonly Action<string, Func<Task>> _run;

    /// <param name="observer">Told of everything that happens to jobs.</param>
    /// <param name="time">The node's.</param>
    /// <param name="run">Runs work that nobody waits for; what it throws is a bug.</param>
    public JobEngine(IJobObserver observer, TimeProvider time, Action<string, Func<Task>> run) =>
        (_outbox, _time, _run) = (new JobOutbox(observer), time, run);

    /// <summary>The jobs that people see, in order of creation.</summary>
    public IReadOnlyList<JobInfo> Query()
    {
        lock (_sync)
            return [.. _jobs.Where(job => job.Options.Id is not null).Select(job => job.Info)];
    }

    /// <summary>Where jobs are put that are to succeed together; see <see cref="JobTransaction"/>.</summary>
    public JobTransaction CreateTransaction(Func<ValueTask>? decide = null) => new(decide);

    /// <summary>Puts a job into the list and into a transaction that has not begun.</summary>
    /// <exception cref="JobException">Its name is none, or taken; its speed is negative; there are too many.</exception>
    public void Create(JobTransaction transaction, JobOptions options, JobWork work)
    {
        lock (_sync)
        {
            Invariant.Check(!transaction.HasBegun, "a job is created in a transaction that has begun");
            CheckNewUnderLock(options.Id, options.SpeedBytesPerSecond);
            Add(transaction, options, work);
        }

        _outbox.Tell();
    }

    /// <summary>For who has to change something before a job can be created: whether it could be now.</summary>
    /// <exception cref="JobException">It could not.</exception>
    public void CheckNew(string? id, long speedBytesPerSecond)
    {
        lock (_sync)
            CheckNewUnderLock(id, speedBytesPerSecond);
    }

    /// <summary>Takes the jobs of a transaction that will not begin out of the list: nothing of them has run.</summary>
    public void Forget(JobTransaction transaction)
    {
        lock (_sync)
        {
            Invariant.Check(!transaction.HasBegun, "a transaction that has begun is forgotten");
            transaction.HasBegun = true;
            // In reverse, as everything that is rolled back.
            for (int i = transaction.Jobs.Count - 1; i >= 0; i--)
            {
                // Somebody may have cancelled it meanwhile.
                if (transaction.Jobs[i].Status == JobStatus.Aborting)
                    Move(transaction.Jobs[i], JobStatus.Concluded);
                Remove(transaction.Jobs[i]);
            }
        }

        _outbox.Tell();
        transaction.Over();
    }

    /// <summary>The jobs of a transaction begin, in order of creation.</summary>
    /// <returns>All of them, as they were then.</returns>
    public IReadOnlyList<JobInfo> Begin(JobTransaction transaction)
    {
        Job[] begun;
        JobInfo[] infos;
        List<Action> wakeUps = [];
        lock (_sync)
        {
            Invariant.Check(!transaction.HasBegun && transaction.Jobs.Count > 0, "a transaction begins once, and has a job");
            transaction.HasBegun = true;
            if (_ending is not null)
                Cancel(transaction.Jobs[0], wakeUps);
            // One of them may have been cancelled between its creation and now, and all with it: those too that were created after that.
            foreach (Job job in transaction.HasFailed ? transaction.Jobs : [])
                CancelOne(job, wakeUps);
            begun = [.. transaction.Jobs.Where(job => !job.HasEnded)];
            foreach (Job job in begun)
                Move(job, JobStatus.Running);
            if (transaction.HasFailed)
                EndFailed(transaction, wakeUps);
            infos = [.. transaction.Jobs.Select(job => job.Info)];
        }

        _outbox.Tell();
        Run(wakeUps);
        foreach (Job job in begun)
            _run($"job {job.Name}", () => RunAsync(job));
        return infos;
    }

    /// <summary>Call under the lock.</summary>
    private Job Add(JobTransaction transaction, JobOptions options, JobWork work)
    {
        var created = new Job(++_created, options, work, new RateLimit(_time) { BytesPerSecond = options.SpeedBytesPerSecond })
        {
            Transaction = transaction,
        };
        _jobs.Add(created);
        transaction.Jobs.Add(created);
        Move(created, JobStatus.Created);
        return created;
    }

    /// <summary>Call under the lock.</summary>
    private void Move(Job job, JobStatus status)
    {
        job.Become(status);
        Put(job, (observer, info) => observer.StatusChanged(info));
    }

    /// <summary>Call under the lock.</summary>
    private void Remove(Job job)
    {
        Move(job, JobStatus.Null);
        _jobs.Remove(job);
    }

    /// <summary>Call under the lock.</summary>
    private void Put(Job job, Action<IJobObserver, JobInfo> what)
    {
        if (job.Options.Id is null)
            return;
        JobInfo info = job.Info;
        _outbox.Put(observer => what(observer, info));
    }

    private static void Run(List<Action> wakeUps)
    {
        foreach (Action wakeUp in wakeUps)
            wakeUp();
    }

    private void CheckNewUnderLock(string? id, long speedBytesPerSecond)
    {
        if (_ending is not null)
            throw Refused("the node is ending, and begins no job any more");
        CheckSpeed(speedBytesPerSecond);
        if (id is not null && !IsWellFormed(id))
        {
            throw Invalid(
                $"'{id}' is no name of a job: a letter, then letters, digits, '-', '.' and '_', {Limits.IdLength} characters at most; give another one");
        }

        if (id is not null && _jobs.Exists(job => job.Options.Id == id))
            throw Refused($"there is a job '{id}' already; dismiss it, or give the new one another name");
        if (_jobs.Count >= Limits.Jobs)
            throw Refused($"there are {Limits.Jobs} jobs already; dismiss those that have concluded");
    }

    private static void CheckSpeed(long bytesPerSecond)
    {
        if (bytesPerSecond < 0)
            throw Invalid($"a speed of {bytesPerSecond} bytes a second is none: it must be 0, for no limit, or more");
    }

    private static bool IsWellFormed(string id) =>
        id.Length is > 0 and <= Limits.IdLength && char.IsAsciiLetter(id[0]) && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');

    private static JobException Refused(string message) => new(JobErrorClass.GenericError, message);

    private static JobException Invalid(string message) => new(JobErrorClass.GenericError, message) { Kind = JobErrorKind.Invalid };
}
