using Colo.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Replication.Controller.Tests.Fakes;

/// <summary>A node's jobs and bitmaps from a script; requests are recorded.</summary>
internal sealed class FakeJobService : BlockJobService.BlockJobServiceBase
{
    private readonly Lock _lock = new();
    private readonly List<IMessage> _seen = []; // guarded by _lock

    /// <summary>What is in the list.</summary>
    public List<JobInfo> Jobs { get; } = [];

    /// <summary>What a watcher is told, before it is told nothing more.</summary>
    public List<JobInfo> Watched { get; } = [];

    public List<ActionError> DryRunErrors { get; } = [];

    /// <summary>The last is told again and again, as progress is.</summary>
    public bool GoesOnTelling { get; set; }

    public IReadOnlyList<IMessage> Seen
    {
        get
        {
            lock (_lock)
                return [.. _seen];
        }
    }

    public override Task<StartBackupResponse> StartBackup(StartBackupRequest request, ServerCallContext context) =>
        Answer(request, new StartBackupResponse { Job = Begun(request.Backup, 7) });

    public override Task<TransactResponse> Transact(TransactRequest request, ServerCallContext context)
    {
        var response = new TransactResponse();
        if (request.DryRun)
            response.Errors.AddRange(DryRunErrors);
        else
            response.Jobs.AddRange(request.Actions.Where(action => action.Backup is not null).Select((action, i) => Begun(action.Backup, 7 + (ulong)i)));
        return Answer(request, response);
    }

    public override Task<ListJobsResponse> ListJobs(ListJobsRequest request, ServerCallContext context) =>
        Task.FromResult(new ListJobsResponse { Jobs = { Jobs } });

    public override async Task WatchJobs(WatchJobsRequest request, IServerStreamWriter<WatchJobsResponse> responseStream, ServerCallContext context)
    {
        await context.WriteResponseHeadersAsync([]);
        foreach (JobInfo job in Watched)
            await responseStream.WriteAsync(new WatchJobsResponse { Job = job });
        while (!context.CancellationToken.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), CancellationToken.None);
            if (GoesOnTelling && !context.CancellationToken.IsCancellationRequested)
                await responseStream.WriteAsync(new WatchJobsResponse { Job = Watched[^1] });
        }
    }

    public override Task<CancelJobResponse> CancelJob(CancelJobRequest request, ServerCallContext context) => Answer(request, new CancelJobResponse());

    public override Task<PauseJobResponse> PauseJob(PauseJobRequest request, ServerCallContext context) => Answer(request, new PauseJobResponse());

    public override Task<ResumeJobResponse> ResumeJob(ResumeJobRequest request, ServerCallContext context) => Answer(request, new ResumeJobResponse());

    public override Task<CompleteJobResponse> CompleteJob(CompleteJobRequest request, ServerCallContext context) => Answer(request, new CompleteJobResponse());

    public override Task<FinalizeJobResponse> FinalizeJob(FinalizeJobRequest request, ServerCallContext context) => Answer(request, new FinalizeJobResponse());

    public override Task<DismissJobResponse> DismissJob(DismissJobRequest request, ServerCallContext context) =>
        throw new RpcException(new Status(StatusCode.FailedPrecondition, "dismiss is refused: job 'disk0' is running"));

    public override Task<SetJobSpeedResponse> SetJobSpeed(SetJobSpeedRequest request, ServerCallContext context) => Answer(request, new SetJobSpeedResponse());

    /// <summary>A job as it is at some moment.</summary>
    public static JobInfo Job(JobStatus status, string id = "disk0", ulong number = 7, int errno = 0, string error = "") => new()
    {
        Id = id,
        Type = JobType.Backup,
        Status = status,
        OffsetBytes = 4096,
        LengthBytes = 8192,
        IoStatus = JobIoStatus.Ok,
        AutoFinalize = true,
        AutoDismiss = true,
        Errno = errno,
        Error = error,
        Number = number,
        Backup = new JobBackup { Device = "disk0", Target = "/backup/a.raw", Sync = BackupSync.Full, Epoch = 5 },
    };

    private static JobInfo Begun(BackupSpec backup, ulong number)
    {
        JobInfo job = Job(JobStatus.Running, backup.JobId.Length > 0 ? backup.JobId : backup.Device, number);
        job.AutoFinalize = !backup.HasAutoFinalize || backup.AutoFinalize;
        return job;
    }

    private Task<T> Answer<T>(IMessage request, T answer)
    {
        lock (_lock)
            _seen.Add(request);
        return Task.FromResult(answer);
    }
}
