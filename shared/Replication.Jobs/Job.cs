using Replication.Block;

namespace Replication.Jobs;

/// <summary>One job's state. Everything but the progress is guarded by the engine's lock, and changed by the engine alone.</summary>
internal sealed class Job(long number, JobOptions options, JobWork work, RateLimit rate)
{
    private long _offsetBytes;
    private long _lengthBytes;

    public JobOptions Options { get; } = options;
    public JobWork Work { get; } = work;
    public RateLimit Rate { get; } = rate;

    /// <summary>Cancelled when the job is.</summary>
    public CancellationTokenSource Cancellation { get; } = new();

    public JobTransaction? Transaction { get; set; }
    public JobStatus Status { get; private set; } = JobStatus.Undefined;

    /// <summary>Why it has not succeeded. The first reason counts.</summary>
    public JobFailure? Failure { get; private set; }

    /// <summary>Who has asked it to pause: a person at most once, and the engine.</summary>
    public int Pauses { get; set; }
    public bool IsPausedByUser { get; set; }
    public IoStatus IoStatus { get; set; }
    public bool IsCancelled { get; set; }
    public bool IsAskedToComplete { get; set; }

    /// <summary>Its work has returned, or will never begin.</summary>
    public bool HasEnded { get; set; }

    /// <summary>It stands at a pause point, or rests, until this is completed.</summary>
    public TaskCompletionSource? Resting { get; set; }

    public string Name => Options.Id ?? $"({Options.Type.ToString().ToLowerInvariant()})";

    public JobInfo Info => new(
        Options.Id ?? "", Options.Type, Status, Volatile.Read(ref _offsetBytes), Volatile.Read(ref _lengthBytes), Rate.BytesPerSecond,
        Pauses > 0, Status is JobStatus.Running or JobStatus.Ready && Resting is null, IoStatus, Options.AutoFinalize, Options.AutoDismiss, Failure)
    {
        Backup = Options.Backup,
        Number = number,
    };

    /// <summary>What is done of what there is to do: never more than that, for what there is to do grows first.</summary>
    public (long DoneBytes, long TotalBytes) Progress => (Volatile.Read(ref _offsetBytes), Volatile.Read(ref _lengthBytes));

    public void Become(JobStatus status)
    {
        Invariant.Check(JobTable.MayFollow(Status, status), $"job {Name} is {Status} and cannot become {status}");
        Status = status;
    }

    public void Fail(JobFailure failure) => Failure ??= failure;

    public void Advance(long lengthBytes) => Interlocked.Add(ref _offsetBytes, lengthBytes);

    public void Grow(long lengthBytes) => Interlocked.Add(ref _lengthBytes, lengthBytes);
}
