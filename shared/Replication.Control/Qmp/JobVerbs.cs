using System.Text.Json.Nodes;
using Replication.Jobs;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>The verbs of jobs, by both of their names, and the lists of jobs.</summary>
internal static class JobVerbs
{
    public static void AddTo(QmpTable table, JobEngine engine)
    {
        table.Do("block-job-set-speed", a => engine.SetSpeed(a.GetString("device"), a.GetInteger("speed")));
        // A backup has nothing that it could keep: 'force' makes no difference.
        AddBoth("cancel", "device", engine.Cancel);
        AddBoth("pause", "device", engine.Pause);
        AddBoth("resume", "device", engine.Resume);
        AddBoth("complete", "device", engine.Complete);
        AddBoth("finalize", "id", engine.Finalize);
        AddBoth("dismiss", "id", engine.Dismiss);
        table.Ask("query-jobs", _ => ListOf(engine, Job));
        table.Ask("query-block-jobs", _ => ListOf(engine, BlockJob));

        void AddBoth(string verb, string argument, Action<string> act)
        {
            table.Do($"block-job-{verb}", a => act(a.GetString(argument)));
            table.Do($"job-{verb}", a => AsJob(act, a.GetString("id")));
        }
    }

    /// <summary>The newer verbs have no class of their own for a job that is not there.</summary>
    private static void AsJob(Action<string> act, string id)
    {
        try
        {
            act(id);
        }
        catch (JobException e) when (e.Class == JobErrorClass.DeviceNotActive)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }

    private static JsonArray ListOf(JobEngine engine, Func<JobInfo, JsonNode> describe) => [.. engine.Query().Select(describe)];

    private static JsonObject Job(JobInfo job) => WithError(job, new JsonObject
    {
        ["id"] = job.Id,
        ["type"] = QmpWords.Of(job.Type),
        ["status"] = QmpWords.Of(job.Status),
        ["current-progress"] = job.OffsetBytes,
        ["total-progress"] = job.LengthBytes,
    });

    private static JsonObject BlockJob(JobInfo job) => WithError(job, new JsonObject
    {
        ["type"] = QmpWords.Of(job.Type),
        ["device"] = job.Id,
        ["len"] = job.LengthBytes,
        ["offset"] = job.OffsetBytes,
        ["busy"] = job.IsBusy,
        ["paused"] = job.IsPaused,
        ["speed"] = job.SpeedBytesPerSecond,
        ["io-status"] = QmpWords.Of(job.IoStatus),
        ["ready"] = job.Status is JobStatus.Ready or JobStatus.Standby,
        ["status"] = QmpWords.Of(job.Status),
        ["auto-finalize"] = job.AutoFinalize,
        ["auto-dismiss"] = job.AutoDismiss,
    });

    private static JsonObject WithError(JobInfo job, JsonObject described)
    {
        if (job.Failure is { } failure)
            described["error"] = failure.Message;
        return described;
    }
}
