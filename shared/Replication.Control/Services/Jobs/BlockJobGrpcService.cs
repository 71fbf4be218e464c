using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Jobs;
using Replication.Jobs.Commands;
using JobInfo = Replication.Jobs.JobInfo;
using TransactionAction = Replication.Jobs.Commands.TransactionAction;

namespace Replication.Control.Services.Jobs;

/// <summary>Jobs: each call is one verb of the engine or one transaction of commands, its fields checked and converted.</summary>
internal sealed class BlockJobGrpcService(JobsDoor door) : BlockJobService.BlockJobServiceBase
{
    public override Task<StartBackupResponse> StartBackup(StartBackupRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        BackupCommand command = JobMessages.FromWire(request.Backup, "backup");
        return new StartBackupResponse { Job = JobMessages.ToWire(await door.Jobs.Commands.BackupAsync(command, context.CancellationToken)) };
    });

    public override Task<TransactResponse> Transact(TransactRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        WireValues.InRange(request.Actions.Count, 1, ServiceLimits.Actions, "the number of actions");
        TransactionAction[] actions = [.. request.Actions.Select((action, i) => JobMessages.FromWire(action, $"actions[{i}]"))];
        bool isGrouped = request.CompletionMode == CompletionMode.Grouped;
        if (!isGrouped && request.CompletionMode is not (CompletionMode.Unspecified or CompletionMode.Individual))
            throw new MalformedFieldException($"completion_mode is {(int)request.CompletionMode}: that is none of its values");
        if (request.DryRun)
        {
            IReadOnlyList<TransactionFault> faults = await door.Jobs.Commands.CheckAsync(actions, context.CancellationToken);
            return new TransactResponse { Errors = { faults.Select(JobMessages.ToWire) } };
        }

        IReadOnlyList<JobInfo> jobs = await door.Jobs.Commands.TransactAsync(actions, isGrouped, context.CancellationToken);
        return new TransactResponse { Jobs = { jobs.Select(JobMessages.ToWire) } };
    });

    public override Task<ListJobsResponse> ListJobs(ListJobsRequest request, ServerCallContext context) => VerbStatus.RunAsync(() =>
        Task.FromResult(new ListJobsResponse { Jobs = { door.Jobs.Engine.Query().Select(JobMessages.ToWire) } }));

    public override Task WatchJobs(
        WatchJobsRequest request, IServerStreamWriter<WatchJobsResponse> responseStream, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        WireValues.InRange(request.JobIds.Count, 1, ServiceLimits.WatchedJobs, "the number of job_ids");
        using var watch = new JobWatch(door.Jobs.Engine, door.Jobs.Observers, request.JobIds);
        await context.WriteResponseHeadersAsync([]);
        while (true)
        {
            foreach (JobInfo job in await watch.ReadAsync(context.CancellationToken))
                await responseStream.WriteAsync(new WatchJobsResponse { Job = JobMessages.ToWire(job) });
        }
    });

    public override Task<CancelJobResponse> CancelJob(CancelJobRequest request, ServerCallContext context) =>
        AskAsync(engine => engine.Cancel(request.JobId), new CancelJobResponse());

    public override Task<PauseJobResponse> PauseJob(PauseJobRequest request, ServerCallContext context) =>
        AskAsync(engine => engine.Pause(request.JobId), new PauseJobResponse());

    public override Task<ResumeJobResponse> ResumeJob(ResumeJobRequest request, ServerCallContext context) =>
        AskAsync(engine => engine.Resume(request.JobId), new ResumeJobResponse());

    public override Task<CompleteJobResponse> CompleteJob(CompleteJobRequest request, ServerCallContext context) =>
        AskAsync(engine => engine.Complete(request.JobId), new CompleteJobResponse());

    public override Task<FinalizeJobResponse> FinalizeJob(FinalizeJobRequest request, ServerCallContext context) =>
        AskAsync(engine => engine.Finalize(request.JobId), new FinalizeJobResponse());

    public override Task<DismissJobResponse> DismissJob(DismissJobRequest request, ServerCallContext context) =>
        AskAsync(engine => engine.Dismiss(request.JobId), new DismissJobResponse());

    public override Task<SetJobSpeedResponse> SetJobSpeed(SetJobSpeedRequest request, ServerCallContext context) =>
        AskAsync(engine => engine.SetSpeed(request.JobId, request.SpeedBytesPerSecond), new SetJobSpeedResponse());

    private Task<T> AskAsync<T>(Action<JobEngine> verb, T done) => VerbStatus.RunAsync(() =>
    {
        verb(door.Jobs.Engine);
        return Task.FromResult(done);
    });
}
